from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.steps.journey import TEXTS, draw_page, drawn_layout
from tests.training.line_sets import draw_line, write_set
from transcription.engines.registry import WEIGHTS
from transcription.steps.profiles import BUNDLED, registry

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
PAGE_PLACED = (
    '<TextLine id="l{n}"><Coords points="{coords}"/><Baseline points="{baseline}"/>'
    "<TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>"
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
            "starter": {"CLASS": "tests.steps.engines.Scribe", "VERSION": "1", "READS": ["lines"], "OPTIONS": options}
        }
        registry.cache_clear()

    install(TEXTS[0])
    yield install
    registry.cache_clear()


def evaluate(*arguments: object) -> dict[str, Any]:
    output = io.StringIO()
    call_command("evaluate", *map(str, arguments), "--json", stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    assert set(found) - {"confidence", "passes", "gain"} == {"sets", "mean"}
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
    rows = output.getvalue().splitlines()
    names = ["mean", *(each.name for each in BUNDLED["starter"][0]), "the"]
    assert [row.split()[0] for row in rows[2 : 2 + len(names)]] == names
    found = next(at for at, row in enumerate(rows) if row.split()[:2] == ["confidence", "words"])
    # All words are right: nothing tells right from wrong.
    assert rows[found + 1].split()[:2] == ["en_a", str(len(TEXTS[0].split()))]
    assert rows[found + 1].split()[4] == "-"
    assert rows[-1].startswith("good lines")


def test_a_profile_is_shown_with_each_of_its_passes_and_what_voting_gains(tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", [("dev", f"p{n}", f"{n}.png", text) for n, text in enumerate(TEXTS[:2])])
    found = evaluate("lines", tmp_path, "--profile", "starter")
    assert set(found["passes"]) == {each.name for stage in BUNDLED["starter"] for each in stage}
    assert all(figures["mean"] == found["mean"] for figures in found["passes"].values()), "all read the same text"
    assert found["gain"]["over"] in found["passes"]
    assert found["gain"]["mean"] == found["gain"]["sets"]["en_a"] == {"gain": 0, "gain_low": 0, "gain_high": 0}
    assert "gain" not in evaluate("lines", tmp_path, "--engine", "starter")
    with pytest.raises(CommandError, match="No profile is called “best”; there are starter"):
        evaluate("lines", tmp_path, "--profile", "best")


def test_a_profiles_word_confidence_is_judged_and_one_engines_is_not(tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", [("dev", f"p{n}", f"{n}.png", text) for n, text in enumerate(TEXTS[:2])])
    confidence = evaluate("lines", tmp_path)["confidence"]
    assert set(confidence) == {"all", "en_a"}
    assert confidence["all"]["words"] == 2 * len(TEXTS[0].split())
    assert 0 < confidence["all"]["share_right"] < 1
    assert 0 <= confidence["all"]["auroc"] <= 1
    bins = confidence["all"]["reliability"]
    assert sum(each["n"] for each in bins) == confidence["all"]["words"]
    assert confidence["all"]["pages"]["pages"] == 2
    assert 0 <= confidence["all"]["good_lines"]["expected_share"] <= 1
    assert "confidence" not in evaluate("lines", tmp_path, "--engine", "starter")


LAYOUT_FIGURES = {
    *("pages", "lines_true", "lines_found", "page_line_error", "cpu_seconds_median", "cpu_seconds_max"),
    *(f"line_error{end}" for end in ("", "_low", "_high")),
}
BASELINE_FIGURES = {
    f"{name}{end}"
    for name in ("precision", "recall", "f1", "order_kendall", "order_moves")
    for end in ("", "_low", "_high")
}


def layout(*arguments: object) -> dict[str, Any]:
    output = io.StringIO()
    call_command("evaluate", "layout", *map(str, arguments), "--json", stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    assert set(found) == {"sets", "mean"}
    for figures in found["sets"].values():
        assert set(figures) >= LAYOUT_FIGURES
    return found


def write_placed_truth(image: Path, texts: Sequence[str] = TEXTS, *, dy: int = 0, turned: bool = False) -> None:
    """A PAGE file with the lines of `draw_page` where they stand."""
    geometries = list(zip(drawn_layout(len(texts)).lines, texts, strict=True))
    lines = "".join(
        PAGE_PLACED.format(
            n=n,
            text=text,
            coords=" ".join(f"{x},{y + dy}" for x, y in geometry.polygon),
            baseline=" ".join(f"{x},{y + dy}" for x, y in geometry.baseline),
        )
        for n, (geometry, text) in enumerate(geometries[::-1] if turned else geometries)
    )
    image.with_suffix(".xml").write_text(PAGE.format(lines=lines), encoding="utf-8")


class TestLayout:
    """The lines of `draw_page` are found by a segmenter that knows them."""

    @pytest.fixture(autouse=True)
    def ruler(self, reader: object, settings: Settings) -> None:
        settings.ENGINES = settings.ENGINES | {
            "ruler": {"CLASS": "tests.steps.engines.Ruler", "VERSION": "1", "OPTIONS": {"lines": 3}}
        }
        registry.cache_clear()

    def test_lines_found_where_they_are_score_one(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "a.png")
        write_placed_truth(tmp_path / "a.png")
        found = layout(tmp_path, "--segmenter", "ruler")
        figures = found["sets"][tmp_path.name]
        assert set(figures) == LAYOUT_FIGURES | BASELINE_FIGURES
        assert [figures[key] for key in ("pages", "lines_true", "lines_found", "line_error")] == [1, 3, 3, 0]
        assert figures["f1"] == figures["f1_low"] == figures["f1_high"] == pytest.approx(1)
        assert figures["order_kendall"] == figures["order_moves"] == 0
        assert 0 <= figures["cpu_seconds_median"] <= figures["cpu_seconds_max"]
        assert found["mean"]["f1"] == pytest.approx(1)

    def test_what_is_missed_and_what_is_out_of_order_counts(self, tmp_path: Path) -> None:
        for name, turned in (("a-1", False), ("b-1", True)):
            draw_page().save(tmp_path / f"{name}.png")
            write_placed_truth(tmp_path / f"{name}.png", turned=turned)
        draw_page().save(tmp_path / "c-1.png")
        write_placed_truth(tmp_path / "c-1.png", TEXTS[:2])
        figures = layout(tmp_path, "--segmenter", "ruler")["sets"][tmp_path.name]
        assert (figures["lines_true"], figures["lines_found"]) == (8, 9)
        assert figures["line_error"] == pytest.approx(1 / 8)
        assert figures["page_line_error"] == pytest.approx(0.5 / 3)
        assert figures["precision"] == pytest.approx((1 + 1 + 2 / 3) / 3)
        assert figures["recall"] == pytest.approx(1)
        assert figures["order_kendall"] == pytest.approx(1 / 3)
        assert figures["order_moves"] == pytest.approx(2 / 9)
        assert figures["f1_low"] < figures["f1"] < figures["f1_high"]

    def test_what_is_read_on_true_lines_and_on_those_found_stands_side_by_side(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "a.png")
        write_placed_truth(tmp_path / "a.png", TEXTS[:1])
        figures = layout(tmp_path, "--segmenter", "ruler", "--recognition")["sets"][tmp_path.name]
        assert figures["true"]["cer_strict"] == 0
        assert figures["found"]["cer_strict"] == pytest.approx(2)  # two lines too many, read as the first
        assert figures["cer_strict_difference"] == pytest.approx(2)
        assert set(figures["found"]) == FIGURES

    def test_print_is_left_out_where_only_handwriting_counts(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "a.png")
        write_placed_truth(tmp_path / "a.png")
        truth = tmp_path / "a.xml"
        marked = truth.read_text().replace('<TextLine id="l2"', '<TextLine id="l2" production="printed"')
        assert "printed" in marked
        truth.write_text(marked, encoding="utf-8")
        figures = layout(tmp_path, "--segmenter", "ruler", "--recognition", "--handwriting")["sets"][tmp_path.name]
        assert (figures["lines_true"], figures["lines_found"]) == (2, 3)  # the ruler calls nothing print
        assert figures["true"]["chars"] == sum(len(text) for text in TEXTS[:2])

    def test_a_text_without_coordinates_tells_the_number_of_lines_only(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "a.png")
        (tmp_path / "a.txt").write_text(f"{TEXTS[0]}\n\n[?]\n{TEXTS[1]} [*note*]\n")
        found = layout(tmp_path, "--segmenter", "ruler", "--recognition")
        figures = found["sets"][tmp_path.name]
        assert (figures["lines_true"], figures["lines_found"], figures["line_error"]) == (2, 3, 0.5)
        assert set(figures) == LAYOUT_FIGURES | {"found"}
        assert "f1" not in found["mean"]

    def test_a_ground_truth_for_a_larger_image_is_brought_to_the_images_size(self, tmp_path: Path) -> None:
        draw_page().resize((450, 280)).save(tmp_path / "a.png")
        write_placed_truth(tmp_path / "a.png")
        assert layout(tmp_path)["sets"][tmp_path.name]["f1"] > 0.8  # classical

    def test_a_table_of_layouts_is_read(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "fr_a-000.png")
        lines = [{"baseline": line.baseline, "polygon": line.polygon} for line in drawn_layout(3).lines]
        row = {"image": "fr_a-000.png", "page": "fr_a/x_1.jpg", "lines": lines}
        (tmp_path / "layout.jsonl").write_text(json.dumps(row) + "\n")
        figures = layout(tmp_path, "--segmenter", "ruler", "--split", "all")["sets"]["fr_a"]
        assert figures["f1"] == pytest.approx(1)
        with pytest.raises(CommandError, match="no pages of the split “dev”"):
            layout(tmp_path)
        with pytest.raises(CommandError, match="holds no texts"):
            layout(tmp_path, "--split", "all", "--recognition")

    def test_a_row_that_is_no_layout_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "layout.jsonl").write_text("{}\n")
        with pytest.raises(CommandError, match=r"layout\.jsonl, line 1"):
            layout(tmp_path)

    def test_a_table_is_printed_for_people(self, tmp_path: Path) -> None:
        draw_page().save(tmp_path / "a.png")
        write_placed_truth(tmp_path / "a.png")
        output = io.StringIO()
        call_command("evaluate", "layout", str(tmp_path), "--segmenter", "ruler", stdout=output)
        head, row, mean = output.getvalue().splitlines()
        assert head.split()[:4] == ["set", "pages", "lines", "found"]
        assert row.split()[-3:] == ["-", "-", "-"]
        assert "1.000-1.000" in row
        assert mean.startswith("mean")

    def test_only_a_segmenter_finds_lines(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="does not find lines"):
            layout(tmp_path, "--segmenter", "starter")
        with pytest.raises(CommandError, match="found by a --segmenter"):
            layout(tmp_path, "--engine", "starter")


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

    @pytest.mark.parametrize("what", ["lines", "pages", "layout"])
    def test_for_an_empty_folder(self, what: str, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="holds neither"):
            evaluate(what, tmp_path)

    @pytest.mark.parametrize("what", ["lines", "pages", "layout"])
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


def check(*arguments: object) -> dict[str, Any]:
    output = io.StringIO()
    call_command("evaluate", "checks", *map(str, arguments), "--json", stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def test_false_alarms_of_checks_are_counted_on_true_texts_and_on_what_is_read(
    tmp_path: Path, reader: Callable[[str], None]
) -> None:
    texts = ("the old rector of this parish", "and then and then and then and then and then", "paid to John Hale")
    write_set(tmp_path, "en_a", [("dev", f"p{n}", f"{n}.png", text) for n, text in enumerate(texts)])
    alone = check(tmp_path)
    assert alone["texts"]["all"] == {"lines": 3, "flagged": 1, "share": 1 / 3, "codes": {"repetition": 1}}
    assert "readings" not in alone
    reader("As an AI language model I cannot read images")
    read = check(tmp_path, "--engine", "starter")
    assert read["readings"]["en_a"]["codes"]["refusal"] == 3
    assert read["against"]["all"]["codes"]["unlike-others"] >= 1
    assert read["examples"]
