"""Every format of an export: any text survives it, and what is written is what its standard says."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pypdfium2 as pdfium
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree, html

from tests.formats.exported import BYTES, SIZE, line_at, page_of, placed_words, written
from transcription.errors import PermanentError
from transcription.formats import alto, page_xml, spreadsheet
from transcription.formats.iiif_manifest import parse_manifest
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.formats.writing import Manner
from transcription.htr.marked_text import without_marks
from transcription.htr.records import LineGeometry
from transcription.htr.text import clean
from transcription.steps.export_formats import FORMATS

SCHEMAS = Path(__file__).resolve().parents[2] / ".." / "shared" / "schemas"
_START = "\ufffc"  # written in place of <lb>
TEI = {"t": "http://www.tei-c.org/ns/1.0"}
MARKED = "the ⟦old⟧ ⸢young⸣ rect[?] of […] said ⟦a [?] ⸢b"


def schema_of(name: str) -> etree.XMLSchema | etree.RelaxNG:
    if not (SCHEMAS / name).exists():
        pytest.skip(f"{SCHEMAS / name} is not here")

    class Local(etree.Resolver):
        def resolve(self, url: str, public: object, context: object) -> object:
            return self.resolve_filename(str(SCHEMAS / url.rsplit("/", 1)[-1]), context)  # type: ignore[attr-defined]

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Local())
    tree = etree.parse(str(SCHEMAS / name), parser)
    return etree.RelaxNG(tree) if name.endswith(".rng") else etree.XMLSchema(tree)


def exported(code: str, pages: list[TranscribedPage], manner: Manner | None = None) -> dict[str, bytes]:
    writer = FORMATS[code].write
    assert writer is not None
    return written(writer, pages, manner=manner or Manner())


def one(files: dict[str, bytes], suffix: str) -> bytes:
    [data] = [data for name, data in files.items() if name.endswith(suffix)]
    return data


# --- Any text survives: how each format is read back as the lines of its page ---------------------------------------


def _txt(files: dict[str, bytes]) -> list[str]:
    return one(files, ".txt").decode().removesuffix("\n").split("\n")


def _page(files: dict[str, bytes]) -> list[str]:
    return [line.text for line in page_xml.read(one(files, ".xml")).lines]


def _alto(files: dict[str, bytes]) -> list[str]:
    return [line.text for line in alto.read(one(files, ".xml")).lines]


def _tei(files: dict[str, bytes]) -> list[str]:
    [part] = etree.fromstring(one(files, ".xml")).iterfind(".//t:text//t:ab", TEI)
    for start in part.iterfind("t:lb", TEI):
        start.text = _START
    return [found.rstrip("\n") for found in "".join(part.itertext()).split(f"\n{_START}")[1:]]


def _hocr(files: dict[str, bytes]) -> list[str]:
    root = etree.fromstring(one(files, ".hocr"))
    return ["".join(line.itertext()) for line in root.iterfind(".//{*}span[@class='ocr_line']")]


def _html(files: dict[str, bytes]) -> list[str]:
    root = html.document_fromstring(one(files, ".html").decode())
    return ["".join(line.itertext()) for line in root.iterfind(".//div[@class='text']//p")]


def _docx(files: dict[str, bytes]) -> list[str]:
    [table] = docx.Document(io.BytesIO(one(files, ".docx"))).tables
    return [paragraph.text for paragraph in table.rows[0].cells[1].paragraphs]


def _csv(files: dict[str, bytes]) -> list[str]:
    rows = list(csv.DictReader(io.StringIO(one(files, ".csv").decode("utf-8-sig"), newline="")))
    return [spreadsheet.without_apostrophe(row["text"]) for row in rows]


def _csv_pages(files: dict[str, bytes]) -> list[str]:
    [text] = _csv(files)
    return text.split("\n")


_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def _xlsx(files: dict[str, bytes]) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(one(files, ".xlsx"))) as book:
        sheet = etree.fromstring(book.read("xl/worksheets/sheet2.xml"))
    rows = sheet.findall(".//{*}row")
    column = chr(ord("A") + ["".join(cell.itertext()) for cell in rows[0]].index("text"))
    texts = ["".join(cell.itertext()) for row in rows[1:] for cell in row if cell.get("r", "").startswith(column)]
    return [_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) for text in texts]


def _jsonl(files: dict[str, bytes]) -> list[str]:
    return [line["text"] for line in json.loads(one(files, ".jsonl"))["lines"]]


def _iiif(files: dict[str, bytes]) -> list[str]:
    page = json.loads(files["letters/annotations/0001.json"])
    return [item["body"]["value"] for item in page["items"]]


def _training(files: dict[str, bytes]) -> list[str]:
    rows = one(files, ".tsv").decode().splitlines()[1:]
    texts = [row.split("\t")[4] for row in rows]
    assert texts == [data.decode().removesuffix("\n") for name, data in files.items() if name.endswith(".gt.txt")]
    return texts


def _pdf(files: dict[str, bytes]) -> list[str]:
    document = pdfium.PdfDocument(one(files, ".pdf"))
    found = document[0].get_textpage().get_text_range()
    found = found.replace("\ufffe", "-\r\n")  # it takes a hyphen and the line's end for one sign
    return [line.strip() for line in found.split("\r\n")]


READERS: dict[str, Callable[[dict[str, bytes]], list[str]]] = {
    "txt": _txt,
    "txt_document": _txt,
    "page_xml": _page,
    "alto": _alto,
    "tei": _tei,
    "hocr": _hocr,
    "html": _html,
    "docx": _docx,
    "csv_lines": _csv,
    "csv_pages": _csv_pages,
    "xlsx": _xlsx,
    "jsonl": _jsonl,
    "iiif": _iiif,
    "training": _training,
    "pdf": _pdf,
}
OTHERWISE_TESTED = {"originals", "provenance", "package"}  # hold no text of a page, or hold all of these
# What pdfium itself makes of a text is not ours to mend: it folds compatibility characters, joins lines at hyphens,
# and turns right-to-left words round by rules of its own.
_PDF_FOLDS = {
    "R",
    "AL",
    "AN",
    "NSM",
    "BN",
    "RLE",
    "RLO",
    "RLI",
    "LRE",
    "LRO",
    "LRI",
    "FSI",
    "PDF",
    "PDI",
    "WS",
    "B",
    "S",
}


def _plain_in_pdf(char: str) -> bool:
    plain = unicodedata.normalize("NFKC", char) == char and unicodedata.bidirectional(char) not in _PDF_FOLDS
    return plain and unicodedata.category(char) not in {"Cn", "Co", "Pd"}


_MARKS = re.compile(r"[⟦⟧⸢⸣]|\[[?…]\]")


def _unmarked(text: str) -> str:
    while _MARKS.search(text):
        text = _MARKS.sub("", text)
    return clean(text) or "x"


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=24).map(_unmarked)
IN_PDF = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=24).map(
    lambda text: _unmarked("".join(char for char in text if char == " " or _plain_in_pdf(char)))
)


def test_every_format_is_read_back() -> None:
    assert READERS.keys() | OTHERWISE_TESTED == FORMATS.keys()


@pytest.mark.parametrize("code", READERS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_text_survives(code: str, data: st.DataObject) -> None:
    texts = data.draw(st.lists(IN_PDF if code == "pdf" else ANY, min_size=1, max_size=3))
    if code == "pdf":  # a few short words above each other would be a column of vertical writing to pdfium
        texts.insert(0, "Baptisms in the parish of Whitcombe, 1702")
    lines = [
        line_at(number, text, placed_words(number, text.split()), author="person", ground_truth=True)
        for number, text in enumerate(texts)
    ]
    assert READERS[code](exported(code, [page_of(lines)])) == texts


HARD = [
    "the old rector ſaid þat vvas",
    "⟦struck⟧ ⸢in⸣ word[?] […]",
    "שלום עולם",
    "=1+1",
    "_x0041_ & <b>",
    "𝔘𝔫𝔦 汉字 𝄞 ẽ̱",
]


@pytest.mark.parametrize("code", READERS)
def test_texts_that_are_hard_for_some_format_survive_it(code: str) -> None:
    for text in map(clean, HARD):
        expected = text
        if code == "tei":  # marks are elements there
            expected = without_marks(text)
        elif code in ("hocr", "html", "docx"):  # pairs of marks are
            expected = re.sub("[⟦⟧⸢⸣]", "", text)
        # A line from right to left whose words nobody has placed: their estimated places are laid out to fit.
        words = placed_words(0, text.split()) if "ש" not in text else []
        line = line_at(0, text, words, ground_truth=True)
        assert READERS[code](exported(code, [page_of([line])])) == [expected]


# --- What is written is what its standard says ----------------------------------------------------------------------


def rich_page() -> TranscribedPage:
    """Marks, alternatives, a line without a place, an empty one, one outside of the page, control characters."""
    words = [
        TranscribedWord("the", 0.93, ((100, 84), (150, 84), (150, 124), (100, 124)), (("tho", None), ("", None))),
        TranscribedWord("Rector", 0.41),
    ]
    outside = LineGeometry(((-20, 1390), (1200, 1390)), ((-20, 1350), (1200, 1350), (1200, 1500)), "elsewhere")
    lines = [
        line_at(0, "the Rector", words, confidence=0.67, author="vote"),
        line_at(1, MARKED, author="person", writer="Ann Lee"),
        line_at(2, ""),
        TranscribedLine("a b", None, "no place\x0c\x00 of its own", author="import", tags=("DefaultLine:Print",)),
        TranscribedLine("a b", outside, "outside"),
    ]
    return page_of(lines)


@pytest.mark.parametrize(
    ("code", "schema"), [("page_xml", "page-2019-07-15.xsd"), ("alto", "alto-4-4.xsd"), ("tei", "tei_all.rng")]
)
def test_xml_is_valid(code: str, schema: str) -> None:
    checker = schema_of(schema)
    for pages in ([rich_page(), page_of([])], [page_of([line_at(0, "x")])]):
        for data in exported(code, pages).values():
            checker.assertValid(etree.fromstring(data))


def test_page_xml_that_comes_back_leaves_again_as_it_came() -> None:
    data = one(exported("page_xml", [rich_page()]), ".xml")
    again = page_xml.read(data)
    assert page_xml.write(again) == data


def test_alto_keeps_confidence_alternatives_and_steps() -> None:
    root = etree.fromstring(one(exported("alto", [rich_page()]), ".xml"))
    the, rector = root.findall(".//{*}String")[:2]
    assert (the.get("WC"), [each.text or "" for each in the.findall("{*}ALTERNATIVE")]) == ("0.9300", ["tho", ""])
    assert (the.get("HPOS"), the.get("WIDTH"), rector.get("WC")) == ("100", "50", "0.4100")
    assert root.find(".//{*}Page").get("PC") == "0.8123"  # type: ignore[union-attr]
    steps = {step.get("ID"): step.findtext("{*}processingStepDescription") for step in root.iter("{*}Processing")}
    by_line = [[steps[each] for each in line.get("PROCESSINGREFS", "").split()] for line in root.iter("{*}TextLine")]
    assert by_line[0] == ["segmenter", "pass clahe+starter, stage 1"]
    assert by_line[1] == ["corrected by a person"]


def test_tei_encodes_the_marks_and_ties_lines_to_their_zones() -> None:
    root = etree.fromstring(one(exported("tei", [rich_page()]), ".xml"))
    text = root.find(".//t:text", TEI)
    assert text is not None
    said = [
        (element.tag.split("}")[1], element.text) for element in text.iter("{*}del", "{*}add", "{*}unclear", "{*}gap")
    ]
    assert said[:4] == [("del", "old"), ("add", "young"), ("unclear", "rect"), ("gap", None)]
    zones = {zone.get("{http://www.w3.org/XML/1998/namespace}id") for zone in root.iter("{*}zone")}
    starts = list(text.iter("{*}lb"))
    assert all(start.get("facs", "")[1:] in zones for start in starts)
    assert [start.get("resp") for start in starts][:2] == ["#machine", "#person"]
    assert starts[0].get("cert") == "0.670"


# hOCR 1.2, sections 2.3 and 3: what a title may hold, and which properties each class must have.
_BBOX = re.compile(r"bbox (\d+) (\d+) (\d+) (\d+)")
_PROPERTY = re.compile(
    r"(image \"[^\";]+\"|bbox \d+ \d+ \d+ \d+|ppageno \d+|x_wconf \d+|baseline -?[\d.]+ -?\d+|textangle -?[\d.]+)"
)


def test_hocr_keeps_the_rules_of_its_specification() -> None:
    root = etree.fromstring(one(exported("hocr", [rich_page()]), ".hocr"))
    names = {meta.get("name"): meta.get("content", "") for meta in root.iter("{*}meta")}
    assert names["ocr-system"] == "Longhand"
    classes = {element.get("class") for element in root.iter() if (element.get("class") or "").startswith("ocr")}
    assert classes | {"ocrp_dir", "ocrp_wconf"} == set(names["ocr-capabilities"].split())
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    nested = {"ocr_carea": "ocr_page", "ocr_line": "ocr_carea", "ocrx_word": "ocr_line"}
    for element in root.iter("{*}div", "{*}span"):
        properties = element.get("title", "").split("; ")
        assert all(_PROPERTY.fullmatch(each) for each in properties), properties
        box = _BBOX.search(element.get("title", ""))
        assert box is not None
        left, top, right, bottom = map(int, box.groups())
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        parent = element.getparent()
        wanted = nested.get(element.get("class", ""))
        assert wanted is None or (parent is not None and parent.get("class") == wanted)


def test_iiif_manifests_keep_the_rules_of_presentation_3() -> None:
    files = exported("iiif", [rich_page(), page_of([])], Manner(base="https://archive.example/letters/"))
    manifest = json.loads(files["letters/manifest.json"])
    assert manifest["@context"] == "http://iiif.io/api/presentation/3/context.json"
    base = "https://archive.example/letters/letters"
    read = parse_manifest(files["letters/manifest.json"], most_canvases=9)
    assert [(canvas.width, canvas.height) for canvas in read.canvases] == [SIZE, SIZE]
    assert (manifest["id"], manifest["type"]) == (f"{base}/manifest.json", "Manifest")
    assert manifest["label"] == {"none": ["Letters"]}
    assert len({canvas["id"] for canvas in manifest["items"]}) == 2
    for canvas in manifest["items"]:
        assert (canvas["type"], canvas["width"], canvas["height"]) == ("Canvas", *SIZE)
        [page] = canvas["items"]
        [painting] = page["items"]
        assert (page["type"], painting["type"], painting["motivation"]) == ("AnnotationPage", "Annotation", "painting")
        assert painting["target"] == canvas["id"]
        image = painting["body"]
        # Every address is that of a file beside the manifest, once they are put where they were made for.
        assert image["id"].removeprefix("https://archive.example/letters/") in files
        [reference] = canvas["annotations"]
        notes = json.loads(files[reference["id"].removeprefix("https://archive.example/letters/")])
        assert (notes["id"], notes["type"]) == (reference["id"], "AnnotationPage")
        for note in notes["items"]:
            assert note["motivation"] == "supplementing"
            found = re.fullmatch(r"(.+)#xywh=(\d+),(\d+),(\d+),(\d+)", note["target"])
            assert found is not None
            assert found[1] == canvas["id"]
            left, top, width, height = map(int, found.groups()[1:])
            assert left + width <= SIZE[0]
            assert top + height <= SIZE[1]


def test_words_of_a_pdf_stand_in_their_boxes_level_or_not() -> None:
    level = ["the", "old", "rector", "ſaid"]
    lines = [line_at(number, " ".join(level), placed_words(number, level)) for number in range(3)]
    tilted = ((100, 900), (300, 930), (294, 970), (94, 940))
    lines.append(line_at(14, "leaning", [TranscribedWord("leaning", None, tilted)]))
    document = pdfium.PdfDocument(one(exported("pdf", [page_of(lines)]), ".pdf"))
    page = document[0]
    text = page.get_textpage()
    assert text.get_text_range() == "\r\n".join(line.text for line in lines)
    scale, height = SIZE[1] / page.get_height(), page.get_height()
    at = 0
    for line in lines:
        for word in line.words:
            found = [text.get_charbox(at + number) for number in range(len(word.text))]
            left, right = min(box[0] for box in found) * scale, max(box[2] for box in found) * scale
            top = (height - max(box[3] for box in found)) * scale
            bottom = (height - min(box[1] for box in found)) * scale
            assert word.polygon is not None
            xs, ys = [x for x, _ in word.polygon], [y for _, y in word.polygon]
            difference = (left - min(xs), right - max(xs), top - min(ys), bottom - max(ys))
            assert max(map(abs, difference)) <= 3, (word.text, difference)
            at += len(word.text) + 1
        at += 1  # the line's end
    shown = page.render(scale=1).to_numpy()
    assert shown.min() > 190  # nothing of the text is seen: the page is as grey as its image


def test_normalised_text_and_facts_that_begin_like_formulas_are_harmless_in_tables() -> None:
    files = exported("csv_lines", [page_of([line_at(0, "=HYPERLINK(1)"), line_at(1, "-2"), line_at(2, "plain")])])
    rows = list(csv.DictReader(io.StringIO(one(files, ".csv").decode("utf-8-sig"), newline="")))
    assert [row["text"] for row in rows] == ["'=HYPERLINK(1)", "'-2", "plain"]
    assert rows[0]["page confidence"] == "0.8123"
    with zipfile.ZipFile(io.BytesIO(one(exported("xlsx", [page_of([line_at(0, "=1+1")])]), ".xlsx"))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet2.xml")


def test_a_training_set_holds_what_people_typed_and_nothing_else() -> None:
    lines = [line_at(0, "typed", ground_truth=True), line_at(1, "voted"), line_at(2, "", ground_truth=True)]
    files = exported("training", [page_of(lines), page_of([line_at(0, "voted")])])
    assert sorted(files) == [
        "letters.lines.tsv",
        "letters/0001_scan/line_0.gt.txt",
        "letters/0001_scan/line_0.png",
    ]
    assert files["letters/0001_scan/line_0.png"].startswith(b"\x89PNG")


def test_originals_leave_each_once_and_never_altered(monkeypatch: pytest.MonkeyPatch) -> None:
    files = exported("originals", [page_of([]), page_of([])])
    assert list(files.values()) == [BYTES, BYTES]  # two files of one name
    assert len(files) == len({name.casefold() for name in files}) == 2
    monkeypatch.setattr("tests.formats.exported.BYTES", b"other bytes")
    with pytest.raises(PermanentError, match="changed since it was received"):
        exported("originals", [page_of([])])


def test_long_documents_become_several_files_for_word_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcription.formats.facing_docx.PAGES_A_FILE", 2)
    files = exported("docx", [page_of([line_at(0, f"page {number}")]) for number in range(5)])
    assert list(files) == ["letters.docx", "letters_02.docx", "letters_03.docx"]
    pages = [len(docx.Document(io.BytesIO(data)).tables) for data in files.values()]
    assert pages == [2, 2, 1]
