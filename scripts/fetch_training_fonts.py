"""Fetch the fonts of synthetic training material: `scripts/fetch_training_fonts.py FOLDER [--printed]` (needs npm).

198 families of handwriting for lines and pages, or with --printed some of type and typewriters for letterheads, from
the @fontsource packages, used at training time only and never shipped. Each package says its licence, and a family
under another one than is listed here is refused. The sample collection's three hands (La Belle Aurore, Cedarville
Cursive, Reenie Beanie) are left out on purpose.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FAMILIES = {
    "OFL-1.1": """
    aguafina-script alex-brush allura annie-use-your-telescope architects-daughter arizonia babylonica
    bad-script beth-ellen bilbo bilbo-swash-caps birthstone bonheur-royale borel caramel carattere caveat
    caveat-brush charm clicker-script comforter comforter-brush cookie corinthia covered-by-your-grace
    dancing-script dawning-of-a-new-day dekko delius delius-swash-caps edu-au-vic-wa-nt-hand edu-nsw-act-cursive
    edu-nsw-act-foundation edu-qld-beginner edu-sa-beginner edu-tas-beginner edu-vic-wa-nt-beginner engagement
    ephesis estonia explora felipa fleur-de-leah fondamento fuggles fuzzy-bubbles give-you-glory
    gloria-hallelujah gochi-hand grand-hotel great-vibes grechen-fuemen grey-qo gwendolyn hachi-maru-pop handlee
    herr-von-muellerhoff hurricane imperial-script indie-flower ingrid-darling inspiration island-moments
    italianno jim-nightshade just-me-again-down-here kalam kaushan-script kings klee-one kolker-brush kristi
    league-script licorice love-light loved-by-the-king lovers-quarrel luxurious-script mali mansalva
    marck-script mea-culpa meddon meow-script merienda miss-fajardose monsieur-la-doulaise moon-dance mr-bedfort
    mr-dafoe mr-de-haviland mrs-saint-delafield ms-madi my-soul mynerve neucha niconne norican
    nothing-you-could-do oooh-baby over-the-rainbow pangolin parisienne passions-conflict patrick-hand
    petit-formal-script pinyon-script playwrite-ar playwrite-at playwrite-au-qld playwrite-au-vic
    playwrite-be-wal playwrite-br playwrite-ca playwrite-cl playwrite-co playwrite-cu playwrite-cz
    playwrite-de-grund playwrite-de-sas playwrite-dk-loopet playwrite-dk-uloopet playwrite-es
    playwrite-fr-moderne playwrite-fr-trad playwrite-hr playwrite-hr-lijeva playwrite-hu playwrite-id
    playwrite-ie playwrite-in playwrite-is playwrite-it-moderna playwrite-it-trad playwrite-mx playwrite-nl
    playwrite-no playwrite-nz playwrite-pe playwrite-pl playwrite-pt playwrite-ro playwrite-sk playwrite-tz
    playwrite-us-modern playwrite-us-trad playwrite-vn playwrite-za puppies-play quintessential qwigley
    qwitcher-grypen romanesco rouge-script ruge-boogie ruthie sacramento sassy-frass sedgwick-ave send-flowers
    shadows-into-light shadows-into-light-two short-stack smooch sofia square-peg sriracha stalemate
    sue-ellen-francisco swanky-and-moo-moo tangerine the-girl-next-door the-nautigal updock vibur
    vujahday-script waiting-for-the-sunrise water-brush waterfall whisper windsong yesteryear yomogi yuji-boku
    zen-kurenaido zeyada
    """,
    "Apache-2.0": """
    calligraffitti coming-soon crafty-girls homemade-apple just-another-hand montez redressed rock-salt satisfy
    schoolbell walter-turncoat yellowtail
    """,
}

# Book faces, jobbing type, blackletter, typewriters and plain sans-serifs: what forms and letterheads are set in.
PRINTED = {
    "OFL-1.1": """
    abril-fatface alfa-slab-one bodoni-moda cinzel cormorant-garamond courier-prime crimson-text cutive cutive-mono
    eb-garamond im-fell-english libre-baskerville libre-bodoni libre-caslon-text lora merriweather monoton
    old-standard-tt oswald playfair-display rye sorts-mill-goudy unifrakturmaguntia vollkorn
    anonymous-pro arimo nova-mono roboto
    archivo-narrow barlow fira-sans inter lato libre-franklin noto-sans open-sans pt-sans source-sans-3 work-sans
    """,
    "Apache-2.0": """
    special-elite ultra
    """,
}


def fetch(family: str, licence: str, target: Path) -> str:
    """Put one family's Latin woff and its licence into ``target``; returns its name. Exits on another licence."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"@fontsource/{family}"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as package:
            described = package.extractfile("package/package.json")
            found = json.load(described)["license"] if described else "nothing"
            if found != licence:
                sys.exit(f"@fontsource/{family} is under {found}, not {licence}; look at it before using it.")
            for part, name in (
                (f"package/files/{family}-latin-400-normal.woff", f"{family}.woff"),
                ("package/LICENSE", f"{family}.LICENSE.txt"),
            ):
                file = package.extractfile(part)
                if file is None:
                    sys.exit(f"@fontsource/{family} holds no {part}.")
                (target / name).write_bytes(file.read())
    return family


def main() -> None:
    if len(sys.argv) not in (2, 3) or (len(sys.argv) == 3 and sys.argv[2] != "--printed"):
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    chosen = PRINTED if len(sys.argv) == 3 else FAMILIES
    wanted = [(family, licence) for licence, families in chosen.items() for family in families.split()]
    with ThreadPoolExecutor(4) as pool:
        for family in pool.map(lambda each: fetch(*each, target), wanted):
            print(family)


if __name__ == "__main__":
    main()
