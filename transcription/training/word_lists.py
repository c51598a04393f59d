"""Build the bundled word lists: `python -m transcription.training.word_lists LINES… --texts TEXTS [--pages PAGES]`.

Words of the same texts that the starter's language models are counted on: running text and the transcripts of `train`
splits, without the documents of which `tune` takes lines, so that calibration meets as many unknown words as others do.
Words seen once are kept: on tune they told right from wrong words better than lists without them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from transcription.engines.registry import WEIGHTS
from transcription.engines.word_lists import save_word_list
from transcription.htr.lexicon import core_of
from transcription.training.language_model import Source, sources


def words_by_language(found: Iterable[Source]) -> dict[str, set[str]]:
    """The words of more than one character of each language."""
    words: dict[str, set[str]] = defaultdict(set)
    for source in found:
        for line in source.lines:
            words[source.language].update(core for core in map(core_of, line.split()) if len(core) > 1)
    return dict(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path, nargs="+", help="folders of <set>.tsv; only their train split is counted")
    parser.add_argument("--texts", type=Path, required=True, help="folder of <language>-<name>.txt")
    parser.add_argument("--pages", type=Path, help="folder with pages.tsv: transcripts of whole pages")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    for language, words in sorted(words_by_language(sources(given.lines, given.texts, given.pages)).items()):
        path = given.out / f"words-{language}.txt.gz"
        save_word_list(words, path)
        print(json.dumps({"file": path.name, "words": len(words), "bytes": path.stat().st_size}), flush=True)


if __name__ == "__main__":
    main()
