from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.errors import BadInput
from transcription.formats import alto, page_xml, plain_text
from transcription.formats.ground_truth import read_ground_truth
from transcription.formats.records import TranscribedLine, TranscribedPage, production_of
from transcription.htr.records import LineGeometry

REAL_PAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "pages"


def alto_file(body: str, version: int = 4, unit: str = "pixel", tags: str = "") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <alto xmlns="http://www.loc.gov/standards/alto/ns-v{version}#"><Description>
      <MeasurementUnit>{unit}</MeasurementUnit>
      <sourceImageInformation><fileName>f12.jpg</fileName></sourceImageInformation></Description>
      <Tags>{tags}</Tags><Layout><Page WIDTH="800" HEIGHT="600" ID="p"><PrintSpace>{body}</PrintSpace></Page></Layout>
    </alto>""".encode()


def test_alto_as_escriptorium_writes_it_is_read() -> None:
    page = alto.read(
        alto_file(
            """<TextBlock ID="b" TAGREFS="BT1"><TextLine ID="l1" TAGREFS="LT1 gone" BASELINE="10 40 200 42">
            <Shape><Polygon POINTS="8 20 210 20 210 55 8 55 8 20"/></Shape>
            <String CONTENT="Mon cher père &amp; ami" WC="0.9" HPOS="8" VPOS="20" WIDTH="202" HEIGHT="35"/>
            </TextLine></TextBlock>""",
            tags='<OtherTag ID="BT1" LABEL="MainZone"/><OtherTag ID="LT1" LABEL="DefaultLine:Handwritten"/>',
        ),
        "f12.xml",
    )
    polygon = ((8, 20), (210, 20), (210, 55), (8, 55))
    line = TranscribedLine(
        "l1",
        LineGeometry(((10, 40), (200, 42)), polygon, "MainZone", "handwritten"),
        "Mon cher père & ami",
        0.9,
        tags=("DefaultLine:Handwritten",),
    )
    assert page == TranscribedPage("f12.xml", "f12.jpg", (800, 600), (line,))


@pytest.mark.parametrize(
    ("tags", "production"),
    [
        (("DefaultLine:Handwritten",), "handwritten"),
        (("DefaultLine:Typewritten",), "typewritten"),
        (("DefaultLine:Print",), "printed"),
        (("DefaultLine:Signature",), "handwritten"),
        (("HeadingLine:title", "printed"), "printed"),
        (("DefaultLine",), ""),
        (("",), ""),
        ((), ""),
    ],
)
def test_a_lines_type_tells_the_hand_from_the_typewriter(tags: tuple[str, ...], production: str) -> None:
    assert production_of(tags) == production


def test_alto_of_libraries_is_read_word_by_word() -> None:
    body = """<TextBlock><TextLine HPOS="10" VPOS="20" WIDTH="100" HEIGHT="30" BASELINE="45">
      <String CONTENT="two" WC="0.5" HPOS="10" VPOS="20" WIDTH="30" HEIGHT="30"><ALTERNATIVE>too</ALTERNATIVE></String>
      <SP/><String CONTENT="unsaid"/><String CONTENT="spa"/><HYP CONTENT="-"/></TextLine></TextBlock>"""
    (line,) = alto.read(alto_file(body, version=2)).lines
    assert line.text == "two unsaid spa-"
    assert line.geometry == LineGeometry(((10, 45), (110, 45)), ((10, 20), (110, 20), (110, 50), (10, 50)))
    assert [word.text for word in line.words] == ["two", "unsaid", "spa"]
    assert line.words[0].alternatives == (("too", None),)
    assert line.words[0].polygon == ((10, 20), (40, 20), (40, 50), (10, 50))


def test_alto_in_millimetres_gives_text_without_places() -> None:
    body = '<TextBlock><TextLine HPOS="1" VPOS="2" WIDTH="3" HEIGHT="4"><String CONTENT="a"/></TextLine></TextBlock>'
    page = alto.read(alto_file(body, unit="mm10"))
    assert page.size == (0, 0)
    assert page.lines[0].geometry is None


def test_the_reading_order_of_alto_is_kept() -> None:
    blocks = "".join(
        f'<TextBlock ID="b{n}"><TextLine ID="l{n}"><String CONTENT="{n}"/></TextLine></TextBlock>' for n in range(3)
    )
    data = alto_file(blocks).replace(
        b"</Tags>",
        b'</Tags><ReadingOrder><OrderedGroup ID="g"><ElementRef ID="e1" REF="b2"/><ElementRef ID="e2" REF="l0"/>'
        b"</OrderedGroup></ReadingOrder>",
    )
    assert [line.text for line in alto.read(data).lines] == ["2", "0", "1"]


@given(st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1), max_size=5))
def test_plain_text_survives(texts: list[str]) -> None:
    lines = tuple(TranscribedLine(f"l{number}", None, text) for number, text in enumerate(texts, 1))
    page = TranscribedPage("a.txt", "", (0, 0), lines)
    assert plain_text.read(plain_text.write(page), "a.txt") == page


def test_plain_text_has_a_line_for_each_line() -> None:
    lines = [TranscribedLine("1", None, "a\nb"), TranscribedLine("2", None, ""), TranscribedLine("3", None, "c")]
    assert plain_text.write(TranscribedPage("", "", (0, 0), tuple(lines))) == b"a b\n\nc\n"


@pytest.mark.parametrize(
    "data",
    [
        "père\r\n\r\n  “x”  \n".encode(),
        b"\xef\xbb\xbf" + "père\n“x”".encode(),
        "père\r“x”".encode("cp1252"),
        "père\n“x”".encode("utf-16"),
    ],
)
def test_texts_of_any_common_encoding_are_read(data: bytes) -> None:
    assert [line.text for line in plain_text.read(data).lines] == ["père", "“x”"]


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadInput) as raised:
        plain_text.read(b"ab\x00\x01", "a.txt")
    assert raised.value.code == "not-text"


def test_ground_truth_is_told_by_its_content(tmp_path: Path) -> None:
    body = '<TextBlock><TextLine><String CONTENT="in ALTO"/></TextLine></TextBlock>'
    page = TranscribedPage("p", "", (9, 9), (TranscribedLine("l", None, "in PAGE"),))
    for name, data, text in (
        ("a.txt", alto_file(body), "in ALTO"),
        ("b.xml", page_xml.write(page), "in PAGE"),
        ("c", b"<in> plain text", "<in> plain text"),
    ):
        (tmp_path / name).write_bytes(data)
        assert read_ground_truth(tmp_path / name).text == text


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.xml", b"", "empty"),
        ("a.xml", b"<?xml version='1.0'?><TEI/>", "not-ground-truth"),
        ("a.xml", b"Dear Sir", "not-xml"),
        ("a.xml", b"<?xml version='1.0'?><!DOCTYPE alto [<!ENTITY a 'b'>]><alto/>", "doctype"),
        ("a.xml", b"<alto/>", "not-alto"),
    ],
)
def test_ground_truth_that_cannot_be_read_is_refused(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput) as raised:
        read_ground_truth(tmp_path / name)
    assert raised.value.code == code


@pytest.mark.skipif(not REAL_PAGES.is_dir(), reason="the real pages are not beside this checkout")
def test_every_real_page_is_read_with_its_lines() -> None:
    found = sorted([*REAL_PAGES.glob("*/*.xml"), *REAL_PAGES.glob("*/*.txt")])
    assert len(found) > 100
    for path in found:
        page = read_ground_truth(path)
        assert page.lines, path
        assert any(line.text for line in page.lines), path
        if path.suffix == ".xml":
            assert min(page.size) > 500
            assert all(line.geometry is not None and len(line.geometry.polygon) >= 3 for line in page.lines), path
            assert page_xml.read(page_xml.write(page)).text == page.text
