from __future__ import annotations

import csv
import time
import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.engines.registry import Registry
from transcription.htr.checks import CODES, OWN, Context, failures, own_failures, source_failures
from transcription.htr.checks.modern import is_modern, modernised
from transcription.htr.ink import ink_share

PLANTED = Path(__file__).parent / "planted"
PROMPTS = Registry({}).prompts()
# What each kind of planted output must be found by: at least one of these.
EXPECTED = {
    "loop": {"repetition"},
    "refusal": {"refusal"},
    "translation": {"other-language", "unlike-others", "foreign-script"},
    "invented": {"unlike-others", "too-long"},
    "chatter": {"chatter", "markup", "prompt-leak"},
    "leak": {"prompt-leak"},
}


def rows(name: str) -> list[dict[str, str]]:
    with (PLANTED / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


LINES = {row["line"]: row for row in rows("lines.tsv")}


def context_of(line: dict[str, str]) -> Context:
    return Context(len(line["truth"]) / 4, 0.12, line["language"], PROMPTS)


def codes(text: str, context: Context | None = None) -> set[str]:
    return {each.code for each in own_failures(text, context or Context(language="en"))}


def test_there_are_two_hundred_planted_outputs_of_six_kinds() -> None:
    planted = rows("outputs.tsv")
    assert len({(row["line"], row["output"]) for row in planted}) >= 200
    assert {row["kind"] for row in planted} == set(EXPECTED)


@pytest.mark.parametrize("kind", EXPECTED)
def test_planted_outputs_are_flagged_by_what_they_are(kind: str) -> None:
    missed = defaultdict(list)
    for row in rows("outputs.tsv"):
        if row["kind"] == kind:
            line = LINES[row["line"]]
            readings = {"llm": [row["output"]], "starter": [line["read"]]}
            found = {each.code for each in failures(row["output"], context_of(line), readings)}
            if not found & EXPECTED[kind]:
                missed[row["output"]].append(sorted(found))
    assert not missed


@pytest.mark.parametrize("line", LINES)
def test_neither_the_truth_nor_a_weak_reading_of_it_is_flagged(line: str) -> None:
    row = LINES[line]
    for text, other in ((row["truth"], row["read"]), (row["read"], row["truth"])):
        assert failures(text, context_of(row), {"a": [text], "b": [other]}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "&c. &c. &c. &c.",
        "......................... 12 ............................ 4",
        "Idem idem idem idem idem",
        "ditto ditto ditto ditto ditto ditto",
        "dud. ..... Quittance ..... Jean nicolas Poulain",
        "0 0 0 0 0 0 0 0 0 0 0 0",
        "£ 12 12 0 £ 12 12 0 £ 3 3 0",
        "I cannot come, I am sorry to say",
        "I am sorry that I cannot help you in this matter",
        "I could not read your last letter",
        "ha ha ha said he",
        "holy holy holy Lord God of hosts",
        "never more, oh never more",
        "In nomine Patris et Filii et Spiritus Sancti Amen",
        "M^r ⟦Smith⟧ ⸢Smyth⸣ of Whitcombe[?] […]",
        "the <> was <struck> here >gone<",
        "Madame de Sévigné et le duc de la Rochefoucauld",
        "qui etoit cy devant nom̃é & les lr̃es",
        "The text is taken from the first epistle",
        "Here is the account of what I paid",
        "Please let me know if you want any more of the seed",
        "here are the children all well",
        "Q. did you see him? A. I did not see him.",
        "# 12  * paid  _ do _",
        "le nommé α Centauri",
    ],
)
@pytest.mark.parametrize("language", ["en", "fr", ""])
def test_odd_handwriting_is_not_flagged(text: str, language: str) -> None:
    assert own_failures(text, Context(20.0, 0.1, language, PROMPTS)) == ()
    if language != "fr" and "etoit" not in text:
        assert source_failures(text, Context(20.0, 0.1, language), ()) == ()


def test_text_needs_ink_and_ink_needs_text() -> None:
    assert [each.code for each in source_failures("the old rector", Context(ink=0.001), ())] == ["no-ink"]
    assert [each.code for each in source_failures("", Context(ink=0.1), ())] == ["not-read"]
    assert source_failures("[…]", Context(ink=0.1), ()) == (), "illegible is an answer"
    assert source_failures("", Context(ink=0.001), ()) == ()
    assert source_failures("the old rector", Context(ink=None), ()) == (), "nobody measured it"


def test_ink_is_what_is_darker_than_its_surroundings_whatever_the_light() -> None:
    rng = np.random.default_rng(0)
    paper = np.linspace(120, 240, 400)[None, :] + rng.normal(0, 3, (64, 400))  # a shadow across, and grain
    assert ink_share(np.clip(paper, 0, 255).astype(np.uint8)) < 0.01
    written = paper.copy()
    written[20:44, 10:390:12] -= 60
    written[20:44, 11:390:12] -= 60
    assert ink_share(np.clip(written, 0, 255).astype(np.uint8)) > 0.05
    assert ink_share(np.zeros((0, 0), np.uint8)) == 0.0


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("était", "estoit"),
        ("même", "mesme"),
        ("lui", "luy"),
        ("which", "wch"),
        ("public", "publick"),
        ("j'avais", "j'avois"),
    ],
)
def test_a_later_spelling_is_known_from_an_older_one(new: str, old: str) -> None:
    assert is_modern(new, old)
    assert not is_modern(old, new)


def test_modern_spelling_is_flagged_where_another_family_reads_the_old_one() -> None:
    old = "il estoit luy mesme chez le roy"
    assert modernised("il était lui même chez le roi", old)
    assert not modernised(old, "il etoit luy mesme chez le roy"), "a misreading is none"
    assert not modernised(old, old)


def test_a_foreign_line_that_another_family_reads_alike_stands_there() -> None:
    text = "je vous prie de croire que je suis avec respect"
    assert {each.code for each in source_failures(text, Context(language="en"), ())} == {"other-language"}
    assert source_failures(text, Context(language="en"), ["je vous prie de croire que je suis avee respeet"]) == ()
    assert source_failures(text, Context(language=""), ()) == ()


def test_a_prompt_in_use_is_known_even_where_no_pattern_knows_it() -> None:
    prompt = "Copy down every stroke of the quill in ascending order of cleverness"
    text = "every stroke of the quill in ascending"
    assert codes(text) == set()
    assert codes(text, Context(prompts=(prompt,))) == {"prompt-leak"}


def test_what_is_too_long_depends_on_the_room() -> None:
    assert codes("x y " * 60, Context(proportion=2.0)) >= {"too-long"}
    assert "too-long" not in codes("x y " * 60, Context(proportion=40.0))
    assert "too-long" not in codes("x y " * 60, Context(proportion=None))


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["", "en", "fr-CA", "ru", "zh", "zxx"]))
def test_checks_never_raise_and_know_their_codes(text: str, other: str, language: str) -> None:
    context = Context(3.0, 0.1, language, PROMPTS)
    for failed in failures(text, context, {"a": [text], "b": [other]}):
        assert failed.code in CODES
        assert failed.detail
    assert all(each.code in OWN for each in own_failures(text, context))


@settings(deadline=None)
@given(st.sampled_from([r for r in rows("outputs.tsv") if r["kind"] == "refusal"]), st.text(max_size=60))
def test_an_innocent_ending_does_not_hide_a_refusal(row: dict[str, str], ending: str) -> None:
    assert "refusal" in codes(f"{row['output']} {ending}", context_of(LINES[row["line"]]))


@settings(deadline=None)
@given(st.one_of(st.sampled_from([row["output"] for row in rows("outputs.tsv")]), st.text(max_size=60)))
def test_composed_and_decomposed_text_fail_alike(text: str) -> None:
    context = Context(10.0, 0.1, "fr", PROMPTS)
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    one, other = ([each.code for each in failures(form, context, {"a": [form]})] for form in forms)
    assert one == other


def test_a_million_characters_are_judged_at_once() -> None:
    started = time.process_time()
    assert "repetition" in codes("and the " * 125_000)
    own_failures("x" * 1_000_000, Context())
    own_failures("".join(map(chr, range(33, 0xD7FF))) * 20, Context())
    assert time.process_time() - started < 5
