"""`manage.py models pull|add|list|verify|remove`: the models that people bring."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.engines.known_models import KNOWN_MODELS
from transcription.engines.model_store.manifest import ENGINE_KINDS, Manifest, Reads
from transcription.engines.model_store.sources import Wanted, add_folder, pull_addresses, pull_from_hub
from transcription.errors import LonghandError
from transcription.steps.brought_models import model_store, remove_model


class Command(BaseCommand):
    help = (
        "Bring models from a hub, from addresses or from a folder, pinned by SHA-256 and with their licence; list, "
        "verify and remove them. Takes safetensors and GGUF; no pickles, no code."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        pull = actions.add_parser("pull", help="fetch a model from a hub (owner/name) or files from their addresses")
        pull.add_argument("sources", nargs="+", metavar="HUB_ID|URL")
        pull.add_argument("--revision", help="a hub's branch, tag or commit")
        pull.add_argument("--file", action="append", default=[], metavar="PATTERN", help="only these files of a hub")
        add = actions.add_parser("add", help="copy a model from a folder of this machine")
        add.add_argument("folder", type=Path)
        for each in (pull, add):
            each.add_argument("--name", help="what profiles call it; default: the last part of where it comes from")
            each.add_argument("--engine", choices=ENGINE_KINDS, help="what reads with it, where its files do not say")
            each.add_argument(
                "--reads", choices=get_args(Reads), action="append", default=[], help="what to use it for"
            )
            each.add_argument("--licence", default="", metavar="TEXT", help="where the model does not say it itself")
            each.add_argument("--sha256", action="append", default=[], metavar="FILE=HEX", help="what a file must have")
            each.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of the engine; JSON")
        listing = actions.add_parser("list", help="show the models that are here")
        listing.add_argument("--json", action="store_true")
        verify = actions.add_parser("verify", help="hash every file again and look into it; exit status 1 on a fault")
        verify.add_argument("names", nargs="*", metavar="NAME")
        remove = actions.add_parser("remove", help="delete a model that no collection needs")
        remove.add_argument("name")
        remove.add_argument("--force", action="store_true", help="although collections need it")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except LonghandError as error:
            raise CommandError(error.message) from error

    def _pull(self, options: dict[str, Any]) -> None:
        sources: list[str] = options["sources"]
        if all(urlsplit(source).scheme in ("http", "https") for source in sources):
            wanted = _wanted(options, Path(urlsplit(sources[0]).path).stem)
            manifest = pull_addresses(model_store(), sources, wanted)
        elif len(sources) > 1:
            raise CommandError("Give either one hub's id or the addresses of files.")
        else:
            known = next((each for each in KNOWN_MODELS if sources[0] in (each.name, each.hub)), None)
            wanted = _wanted(options, sources[0].rpartition("/")[2])
            if known is not None:
                wanted = replace(
                    wanted,
                    licence=wanted.licence or known.license,
                    options=wanted.options or known.options,
                    reads=wanted.reads or known.reads,
                )
            hub_id = known.hub if known is not None else sources[0]
            manifest = pull_from_hub(model_store(), hub_id, wanted, revision=options["revision"])
        self._say(manifest)

    def _add(self, options: dict[str, Any]) -> None:
        folder: Path = options["folder"]
        self._say(add_folder(model_store(), folder, _wanted(options, folder.resolve().name)))

    def _list(self, options: dict[str, Any]) -> None:
        store = model_store()
        manifests = [store.manifest(name) for name in store.names()]
        if options["json"]:
            shown = [manifest.model_dump(mode="json") | {"size": manifest.size} for manifest in manifests]
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2))
            return
        for manifest in manifests:
            checked = store.checked_at(manifest.name)
            when = f"{checked:%Y-%m-%d %H:%M} UTC" if checked else "never, or found changed"
            self.stdout.write(
                f"{manifest.name:<32} {manifest.engine:<10} {manifest.size / 1e6:>10,.1f} MB  {manifest.licence}\n"
                f"    from {manifest.source}, verified {when}"
            )
        for name in sorted(set(store.folders()) - {manifest.name for manifest in manifests}):
            self.stdout.write(f"{name:<32} cannot be used: manage.py models verify {name}")
        if not store.folders():
            self.stdout.write(f"No model was brought yet; they would lie in {store.folder}.")

    def _verify(self, options: dict[str, Any]) -> None:
        store = model_store()
        names: list[str] = options["names"] or store.folders()
        wrong = 0
        for name in names:
            found = store.faults(name) if name in store.folders() else ["there is no such model."]
            wrong += bool(found)
            for fault in found:
                self.stdout.write(f"{name}: {fault}")
            if not found:
                self.stdout.write(f"{name}: as it came.")
        if wrong:
            sys.exit(1)

    def _remove(self, options: dict[str, Any]) -> None:
        remove_model(options["name"], force=options["force"])
        self.stdout.write(f"Model “{options['name']}” was removed.")

    def _say(self, manifest: Manifest) -> None:
        self.stdout.write(
            f"Model “{manifest.name}” is here: {len(manifest.files)} files, {manifest.size / 1e6:,.1f} MB, read by "
            f"{manifest.engine}, licence {manifest.licence}, from {manifest.source}."
        )


def _wanted(options: dict[str, Any], default_name: str) -> Wanted:
    name = options["name"] or "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in default_name)
    name = options["name"] or name.lower().strip(".-_")[:40]
    if name in settings.ENGINES:
        raise CommandError(f"“{name}” is an engine of Longhand itself; give the model another --name.")
    return Wanted(
        name=name,
        engine=options["engine"],
        licence=options["licence"].strip(),
        reads=tuple(options["reads"]),
        options={key: _json_or_text(value) for key, value in _pairs(options["option"], "--option KEY=VALUE")},
        files=tuple(options.get("file") or ()),
        sha256={key: value.lower() for key, value in _pairs(options["sha256"], "--sha256 FILE=HEX")},
    )


def _pairs(given: list[str], form: str) -> list[tuple[str, str]]:
    pairs = [each.partition("=") for each in given]
    if wrong := [
        each for each, (key, equals, value) in zip(given, pairs, strict=True) if not (key and equals and value)
    ]:
        raise CommandError(f"“{wrong[0]}” is not of the form {form}.")
    return [(key, value) for key, _, value in pairs]


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
