#!/bin/sh
# What the tests use besides Python: a browser with fonts, and Tesseract as a baseline. Installed as root where apt is;
# elsewhere this says which tests will skip.
set -eu

missing=
note() { missing="$missing $1"; skipped="${skipped:-}
  $2"; }

if ! command -v chromium >/dev/null 2>&1 && ! command -v chromium-browser >/dev/null 2>&1 &&
    ! command -v google-chrome >/dev/null 2>&1; then
    note chromium "browser tests: no Chromium"
fi
if command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list 2>/dev/null | head -n 1)" ]; then :; else
    note "fontconfig fonts-dejavu-core" "screenshots: no fonts"
fi
if ! command -v xgettext >/dev/null 2>&1; then note gettext "translations: no gettext"; fi
languages=$(tesseract --list-langs 2>/dev/null || true)
for language in eng fra; do
    if ! printf '%s\n' "$languages" | grep -qx "$language"; then
        note "tesseract-ocr tesseract-ocr-$language" "comparisons with Tesseract: no language $language"
    fi
done

if [ -z "$missing" ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$missing"
    if apt-get update -qq &&
        # shellcheck disable=SC2086 # one word a package
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
    echo "apt-get could not install them."
fi
echo "These tests will skip:$skipped"
echo "To run them: sudo apt-get install$missing"
