#!/bin/sh
# Make the virtual environment $1 with the newest suitable Python; fresh Debian and Ubuntu lack venv's other half.
set -eu
venv=$1

python=
for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Longhand needs Python 3.11, 3.12 or 3.13, and none was found. Install one (on Debian and Ubuntu:" >&2
    echo "apt-get install python3 python3-venv) or name it: make install PYTHON=/path/to/python3" >&2
    exit 1
fi

# An interrupted attempt leaves a folder without pip.
if [ -d "$venv" ] && ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then rm -rf "$venv"; fi

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing python$version-venv, which $python lacks"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "python$version-venv" >/dev/null ||
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
    elif command -v virtualenv >/dev/null 2>&1; then
        exec virtualenv --quiet --python "$python" "$venv"
    else
        echo "$python cannot make virtual environments. Install python$version-venv (sudo apt-get install" >&2
        echo "python$version-venv) or virtualenv (pipx install virtualenv), then run make again." >&2
        exit 1
    fi
fi
exec "$python" -m venv "$venv"
