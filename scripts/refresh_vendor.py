#!/usr/bin/env python3
"""Fetch again what lies under static/vendor, and check it against the digests in VENDOR.json.

    scripts/refresh_vendor.py            fetch every package, verify, write the files
    scripts/refresh_vendor.py --record   after changing a version in VENDOR.json: take the new digests as right

Needs npm and the npm registry; only whoever updates a library runs it. Longhand itself needs neither.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
# Django's manifest storage refuses a script whose source map is absent, and the maps are megabytes.
_SOURCE_MAP = re.compile(rb"\n?//# sourceMappingURL=\S+\s*$")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetch(npm: str, version: str, folder: Path) -> dict[str, bytes]:
    """The files of one npm package by their path in it. Raises CalledProcessError when npm cannot fetch it."""
    packed = subprocess.run(
        ["npm", "pack", f"{npm}@{version}", "--silent"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    files: dict[str, bytes] = {}
    with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            if stream is not None:
                files[member.name.partition("/")[2]] = stream.read()
    return files


def vendored(name: str, content: bytes) -> bytes:
    """What we keep of a fetched file: everything, less a script's pointer to its source map."""
    return _SOURCE_MAP.sub(b"\n", content) if name.endswith(".js") else content


def refresh(package: dict[str, Any], *, record: bool) -> list[str]:
    """Write one package's files; returns what differs from VENDOR.json, one sentence each, and writes none of those."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(package["npm"], package["version"], Path(folder))
    for entry in package["files"]:
        content = vendored(entry["path"], source[entry["from"]])
        if record:
            entry["sha256"] = digest(content)
        elif digest(content) != entry["sha256"]:
            faults.append(f"{entry['path']}: the registry sent {digest(content)}, VENDOR.json says {entry['sha256']}.")
            continue
        target = VENDOR / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the digests of what was fetched to VENDOR.json",
    )
    record = parser.parse_args().record
    manifest = json.loads((VENDOR / "VENDOR.json").read_text(encoding="utf-8"))
    faults = [fault for package in manifest["packages"] for fault in refresh(package, record=record)]
    if record:
        (VENDOR / "VENDOR.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
