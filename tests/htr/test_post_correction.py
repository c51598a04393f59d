from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.language_model import STEPS, Grams, LanguageModel, pack
from transcription.htr.post_correction import Trust, suggest
from transcription.htr.records import Consensus, Hypothesis, ReadingRecord
from transcription.htr.voting import PassReading, vote

ALPHABET = " abcdefghilmnoprstuv"
TEXT = "the rector of the parish baptised the son of the miller "


def model() -> LanguageModel:
    """Trigrams of TEXT."""
    codes = np.array([0, *(ALPHABET.index(char) + 1 for char in TEXT.strip()), 0], np.uint8)
    grams = []
    for order in (1, 2, 3):
        seen = Counter(pack(codes, order).tolist())
        keys = np.array(sorted(seen), np.uint64)
        contexts: Counter[int] = Counter()
        for key, count in seen.items():
            contexts[key >> 8] += count
        share = [0.9 * seen[key] / contexts[key >> 8] for key in keys.tolist()]
        grams.append(Grams(keys, np.rint(-np.log(share) * STEPS).astype(np.uint8)))
    return LanguageModel(ALPHABET, grams)


MODEL = model()
KNOWN = frozenset(TEXT.split())


def known(text: str) -> bool | None:
    return text in KNOWN


def voted(*texts: str, nbest: tuple[str, ...] = ()) -> Consensus:
    records = [ReadingRecord(k, text, (0.9,) * len(text)) for k, text in enumerate(texts)]
    if nbest:
        weighed = (Hypothesis(texts[0], 0.6), *(Hypothesis(text, 0.2) for text in nbest))
        records[0] = ReadingRecord(0, texts[0], (0.9,) * len(texts[0]), nbest=weighed)
    return vote([PassReading(f"pass{k}", f"engine{k}", record) for k, record in enumerate(records)])


def test_a_word_that_lost_is_suggested_where_language_speaks_for_it() -> None:
    consensus = voted("the nector of", "the nector of", "the rector of")
    found = suggest(consensus, MODEL, known, Trust())
    assert found is not None
    assert found.text == "the rector of"
    assert all(0 < score <= 1 for score in found.chars)


def test_what_a_reader_only_weighed_may_be_suggested() -> None:
    found = suggest(voted("the mitler", nbest=("the miller",)), MODEL, known, Trust())
    assert found is not None
    assert found.text == "the miller"


def test_where_language_has_nothing_to_add_nothing_is_suggested() -> None:
    assert suggest(voted("the rector of", "the nector of"), MODEL, known, Trust()) is None
    assert suggest(voted(""), MODEL, known, Trust()) is None
    assert suggest(voted("the nector of", "the nector of"), MODEL, known, Trust()) is None, "nobody read it otherwise"


def test_spelling_of_its_time_stands_against_language_where_readers_agree() -> None:
    """One more voice overrules no three, and a light one no two."""
    texts = ("the rectour of", "the rectour of", "the rectour of", "the rector of")
    records = [ReadingRecord(k, text, (0.9,) * len(text)) for k, text in enumerate(texts)]
    readings = [PassReading(f"pass{k}", f"engine{k}", record) for k, record in enumerate(records)]
    found = suggest(vote(readings), MODEL, known, Trust(language=5.0, known=5.0))
    assert found is not None
    assert found.text == "the rector of"
    again = vote([*readings, PassReading("suggestion", "suggestion", found)])
    assert again.text == "the rectour of"
    offered = {other.text: other.passes for word in again.words for other in word.alternatives}
    assert "suggestion" in offered["rector"], "who asks why sees who suggested it"


WORDS = st.sampled_from(["the", "rector", "nector", "of", "fon", "son", "miller", "ſon", "é", "x[?]"])


@given(st.lists(st.lists(WORDS, max_size=5).map(" ".join), min_size=1, max_size=4), st.floats(0, 5), st.floats(0, 5))
def test_every_word_suggested_was_read_or_weighed_in_its_place(texts: list[str], language: float, bonus: float) -> None:
    consensus = voted(*texts)
    found = suggest(consensus, MODEL, known, Trust(language, bonus))
    if found is None:
        return
    assert found.text != consensus.text
    candidates = [{word.text, *(other.text for other in word.alternatives)} - {""} for word in consensus.words]
    assert found.text in {" ".join(words) for words in product(*candidates)}
