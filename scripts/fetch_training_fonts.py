"""Fetch the handwriting fonts of synthetic training lines: `scripts/fetch_training_fonts.py FOLDER` (needs npm).

Used at training time only, never shipped. All are under the SIL Open Font License but Homemade Apple (Apache-2.0);
each package carries its licence. The sample collection's three hands (La Belle Aurore, Cedarville Cursive, Reenie
Beanie) are left out on purpose.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FAMILIES = [
    "alex-brush",
    "allura",
    "bad-script",
    "caveat",
    "covered-by-your-grace",
    "dancing-script",
    "dawning-of-a-new-day",
    "give-you-glory",
    "gochi-hand",
    "great-vibes",
    "handlee",
    "herr-von-muellerhoff",
    "homemade-apple",
    "indie-flower",
    "just-me-again-down-here",
    "kalam",
    "kristi",
    "league-script",
    "loved-by-the-king",
    "mali",
    "marck-script",
    "meddon",
    "monsieur-la-doulaise",
    "mr-de-haviland",
    "mrs-saint-delafield",
    "nothing-you-could-do",
    "over-the-rainbow",
    "patrick-hand",
    "petit-formal-script",
    "pinyon-script",
    "ruthie",
    "sacramento",
    "shadows-into-light",
    "sue-ellen-francisco",
    "tangerine",
    "waiting-for-the-sunrise",
    "zeyada",
]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", "--silent", f"@fontsource/{family}"], cwd=folder, check=True)
            [archive] = Path(folder).glob("*.tgz")
            with tarfile.open(archive) as package:
                for part, name in (
                    (f"package/files/{family}-latin-400-normal.woff", f"{family}.woff"),
                    ("package/LICENSE", f"{family}.LICENSE.txt"),
                ):
                    file = package.extractfile(part)
                    if file is None:
                        sys.exit(f"@fontsource/{family} holds no {part}.")
                    (target / name).write_bytes(file.read())
        print(family)


if __name__ == "__main__":
    main()
