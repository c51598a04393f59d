from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.steps.journey import TEXTS, draw_page
from tests.training.line_sets import draw_line, write_set
from transcription.engines.registry import WEIGHTS
from transcription.steps.profiles import registry

RATES = ("cer_strict", "cer_normalised", "wer_strict", "wer_normalised")
FIGURES = {"lines", "chars", *(f"{rate}{end}" for rate in RATES for end in ("", "_low", "_high"))}
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"><Metadata><Creator>t</Creator>
<Created>2020-01-01T00:00:00</Created><LastChange>2020-01-01T00:00:00</LastChange></Metadata>
<Page imageFilename="page.png" imageWidth="900" imageHeight="560"><TextRegion id="r"><Coords points="0,0 9,0 9,9"/>
{lines}</TextRegion></Page></PcGts>"""
PAGE_LINE = (
    '<TextLine id="l{n}"><Coords points="0,0 9,0 9,9"/><TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>'
)
ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Layout>
<Page ID="p" WIDTH="900" HEIGHT="560" PHYSICAL_IMG_NR="1">
<PrintSpace><TextBlock ID="b">{lines}</TextBlock></PrintSpace></Page></Layout></alto>"""
ALTO_LINE = (
    '<TextLine ID="l{n}" HPOS="1" VPOS="{n}" WIDTH="9" HEIGHT="9">'
    '<String CONTENT="{text}" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9"/></TextLine>'
)


@pytest.fixture(autouse=True)
def reader(settings: Settings) -> Iterator[Callable[[str], None]]:
    """The starter's place is taken by one who always reads the same text."""

    def install(text: str) -> None:
        options = {"text": text}
        settings.ENGINES = settings.ENGINES | {
            "starter": {"CLASS": "tests.steps.engines.Scribe", "VERSION": "1", "OPTIONS": options}
        }
        registry.cache_clear()

    install(TEXTS[0])
    yield install
    registry.cache_clear()


def evaluate(*arguments: object) -> dict[str, Any]:
    output = io.StringIO()
    call_command("evaluate", *map(str, arguments), "--json", stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    assert set(found) - {"confidence"} == {"sets", "mean"}
    for figures in found["sets"].values():
        assert set(figures) == FIGURES
    assert set(found["mean"]) >= {"cer_strict", "cer_normalised", "wer_strict", "wer_normalised"}
    return found


@pytest.mark.parametrize("reads", [["--engine", "starter"], ["--profile", "starter"], []])
def test_line_sets_are_scored_set_by_set(reads: list[str], tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", [("dev", f"p{n}", f"{n}.png", TEXTS[0]) for n in range(3)])
    write_set(tmp_path, "fr_b", [("dev", "p1", "1.png", TEXTS[0].lower()), ("train", "p2", "2.png", "unseen")])
    found = evaluate("lines", tmp_path, *reads)
    right, wrong = found["sets"]["en_a"], found["sets"]["fr_b"]
    assert (right["lines"], right["chars"], right["cer_strict"], right["wer_strict"]) == (3, 3 * len(TEXTS[0]), 0, 0)
    assert wrong["lines"] == 1
    assert wrong["cer_strict"] == pytest.approx(2 / len(TEXTS[0]))
    assert found["mean"]["cer_strict"] == pytest.approx(wrong["cer_strict"] / 2)
    assert 0 <= wrong["cer_normalised_low"] <= wrong["cer_normalised"] <= wrong["cer_normalised_high"] <= 1


def test_loose_line_images_beside_text_are_scored(tmp_path: Path) -> None:
    for name, text in (("a", TEXTS[0]), ("b", TEXTS[0] + "!")):
        draw_line(text).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(text)
    found = evaluate("lines", tmp_path, "--engine", "starter")
    assert found["sets"][tmp_path.name]["lines"] == 2
    assert found["sets"][tmp_path.name]["cer_strict"] == pytest.approx(1 / (2 * len(TEXTS[0]) + 1))
    assert evaluate("lines", tmp_path, "--limit", 1)["sets"][tmp_path.name]["cer_strict"] == 0


def write_truth(path: Path, kind: str) -> None:
    if kind == "txt":
        path.with_suffix(".txt").write_text("\n".join(TEXTS))
        return
    outer, inner = (PAGE, PAGE_LINE) if kind == "page" else (ALTO, ALTO_LINE)
    lines = "".join(inner.format(n=n, text=text) for n, text in enumerate(TEXTS))
    path.with_suffix(".xml").write_text(outer.format(lines=lines), encoding="utf-8")


@pytest.mark.parametrize("kind", ["txt", "page", "alto"])
def test_pages_are_scored_against_any_ground_truth(kind: str, tmp_path: Path) -> None:
    draw_page().save(tmp_path / "page.png")
    write_truth(tmp_path / "page.png", kind)
    figures = evaluate("pages", tmp_path, "--engine", "starter")["sets"][tmp_path.name]
    assert figures["lines"] == len(TEXTS)
    assert figures["chars"] == sum(map(len, TEXTS))
    # One line right, the others read as the first: something between.
    assert 0.3 < figures["cer_strict"] < 0.9


def test_a_folder_of_pages_is_scored_by_split_and_set(tmp_path: Path) -> None:
    draw_page().save(tmp_path / "letter-1.png")
    write_truth(tmp_path / "letter-1.png", "txt")
    rows = ["set\tsplit\tlanguage\timage\tground_truth"]
    rows += [f"{name}\t{split}\ten\tletter-1.png\tletter-1.txt" for name, split in (("a", "dev"), ("b", "train"))]
    (tmp_path / "pages.tsv").write_text("\n".join(rows) + "\n")
    assert set(evaluate("pages", tmp_path)["sets"]) == {"a"}
    assert set(evaluate("pages", tmp_path, "--split", "train")["sets"]) == {"b"}


def test_a_table_is_printed_for_people(tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", [("dev", "p1", "1.png", TEXTS[0])])
    output = io.StringIO()
    call_command("evaluate", "lines", str(tmp_path), stdout=output)
    assert output.getvalue().splitlines()[1].split() == ["en_a", "1", "0.000", "0.000", "0.000-0.000", "0.000"]
    assert output.getvalue().splitlines()[-2].startswith("mean")
    assert output.getvalue().splitlines()[-1].startswith("word confidence: AUROC -")


def test_a_profiles_word_confidence_is_judged_and_one_engines_is_not(tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", [("dev", f"p{n}", f"{n}.png", text) for n, text in enumerate(TEXTS[:2])])
    confidence = evaluate("lines", tmp_path)["confidence"]
    assert set(confidence) == {"all", "en_a"}
    assert confidence["all"]["words"] == 2 * len(TEXTS[0].split())
    assert 0 < confidence["all"]["share_right"] < 1
    assert 0 <= confidence["all"]["auroc"] <= 1
    assert "confidence" not in evaluate("lines", tmp_path, "--engine", "starter")


def test_an_engine_reads_through_the_enhancements_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path, "en_a", [("dev", "p1", "1.png", TEXTS[0])])
    seen: list[float] = []
    monkeypatch.setattr(
        "tests.steps.engines.Scribe.recognize",
        lambda self, crops, hints: seen.append(next(iter(crops)).pixels.mean()) or iter(()),
    )
    evaluate("lines", tmp_path, "--engine", "starter")
    evaluate("lines", tmp_path, "--engine", "starter", "--recipe", "invert", "--recipe", "background/invert")
    assert len(seen) == 3
    assert seen[1] == pytest.approx(255 - seen[0])
    assert seen[2] != seen[1]


class TestOneSentence:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--engine", "starter", "--recipe", "blurr"], "No recipe is called “blurr”"),
            (["--engine", "starter", "--recipe", "blur:sigma=900"], "takes a number from"),
            (["--recipe", "blur"], "--recipe needs --engine"),
            (["--engine", "tesseract", "--recipe", "blur"], "--recipe needs --engine"),
        ],
    )
    def test_for_an_enhancement_that_there_is_not(self, arguments: list[str], said: str, tmp_path: Path) -> None:
        write_set(tmp_path, "en_a", [("dev", "p1", "1.png", "text")])
        with pytest.raises(CommandError, match=said):
            evaluate("lines", tmp_path, *arguments)

    @pytest.mark.parametrize("what", ["lines", "pages"])
    def test_for_an_empty_folder(self, what: str, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="holds neither"):
            evaluate(what, tmp_path)

    @pytest.mark.parametrize("what", ["lines", "pages"])
    def test_for_a_folder_that_is_not_there(self, what: str, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="is not a folder"):
            evaluate(what, tmp_path / "nothing")

    def test_for_a_ground_truth_that_cannot_be_read(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "page.png")
        (tmp_path / "page.xml").write_text("<PcGts")
        with pytest.raises(CommandError, match=r"page\.xml"):
            evaluate("pages", tmp_path)

    def test_for_a_ground_truth_that_the_table_names_and_nobody_has(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "a.png")
        (tmp_path / "pages.tsv").write_text("set\tsplit\tlanguage\timage\tground_truth\na\tdev\ten\ta.png\ta.xml\n")
        with pytest.raises(CommandError, match=r"a\.xml"):
            evaluate("pages", tmp_path)

    def test_for_an_image_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"no image")
        (tmp_path / "a.txt").write_text("text")
        with pytest.raises(CommandError, match=r"a\.png is not an image"):
            evaluate("pages", tmp_path)

    def test_for_a_table_without_its_columns(self, tmp_path: Path) -> None:
        (tmp_path / "en.tsv").write_text("something\telse\n1\t2\n")
        with pytest.raises(CommandError, match=r"en\.tsv"):
            evaluate("lines", tmp_path)

    def test_for_a_split_that_holds_nothing(self, tmp_path: Path) -> None:
        write_set(tmp_path, "en_a", [("dev", "p1", "1.png", "text")])
        with pytest.raises(CommandError, match="no lines of the split"):
            evaluate("lines", tmp_path, "--split", "nonsense")

    def test_for_unknown_engines_and_profiles(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="No engine is called"):
            evaluate("lines", tmp_path, "--engine", "nobody")
        with pytest.raises(CommandError, match="No profile is called"):
            evaluate("lines", tmp_path, "--profile", "nobody")

    def test_for_an_engine_that_does_not_read_lines(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="does not read lines"):
            evaluate("lines", tmp_path, "--engine", "classical")


@pytest.mark.skipif(shutil.which("tesseract") is not None, reason="tesseract is installed here")
def test_a_missing_tesseract_is_named_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="apt-get install tesseract-ocr"):
        evaluate("lines", tmp_path, "--engine", "tesseract")


@pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here")
def test_what_ships_reads_a_drawn_line(tmp_path: Path, settings: Settings) -> None:
    from project.settings import ENGINES

    settings.ENGINES = ENGINES
    registry.cache_clear()
    write_set(tmp_path, "en_a", [("dev", "p1", "1.png", TEXTS[0])])
    assert evaluate("lines", tmp_path)["sets"]["en_a"]["cer_normalised"] < 0.5
