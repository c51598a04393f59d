from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from transcription.errors import BadInput
from transcription.formats import page_xml
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.htr.records import LineGeometry
from transcription.htr.text import clean

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "schemas"

WORDS = (
    TranscribedWord("Dear", 0.98, ((10, 20), (60, 20), (60, 50), (10, 50))),
    TranscribedWord("⟦Sir⟧", 0.41, None, (("Sin", 0.3), ("Six", None))),
)
GEOMETRY = LineGeometry(((10, 45), (200, 47)), ((8, 20), (210, 20), (210, 55), (8, 55)), "text")
PAGE = TranscribedPage(
    name="f12",
    image_name="Box 3/f12 & <co>.tif",
    size=(800, 600),
    lines=(
        TranscribedLine("l1", GEOMETRY, "Dear ⟦Sir⟧", 0.6951, WORDS, "vote", ("DefaultLine", "Handwritten")),
        TranscribedLine("5b3c-uuid", replace(GEOMETRY, region="marginalia"), "N.B. […] ⸢x⸣", author="person"),
        TranscribedLine("l1", replace(GEOMETRY, region="text"), ""),
        TranscribedLine("l4", None, "nowhere"),
    ),
    metadata={"title": "Letters <1824>", "rights": "CC BY"},
    provenance={"profile": "starter-3", "passes": "plain+starter, clahe+starter"},
    created=datetime(2026, 11, 22, 19, 31, tzinfo=UTC),
    language="fr-CA",
)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    if not SCHEMAS.is_dir():
        pytest.skip("the schemas that exports are validated against are not beside this checkout")
    return etree.XMLSchema(etree.parse(SCHEMAS / "page-2019-07-15.xsd"))


def test_what_is_written_is_read_again() -> None:
    assert page_xml.read(page_xml.write(PAGE)) == PAGE


@pytest.mark.parametrize(("tag", "name"), [("fr-CA", "French"), ("frm", "other"), ("", None)])
def test_the_language_is_said_by_the_name_that_page_knows(schema: etree.XMLSchema, tag: str, name: str | None) -> None:
    root = etree.fromstring(page_xml.write(replace(PAGE, language=tag)))
    schema.assertValid(root)
    assert root.find("{*}Page").get("primaryLanguage") == name  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        replace(PAGE, lines=()),
        replace(PAGE, size=(0, 0), created=None),
        replace(PAGE, lines=(TranscribedLine("x", LineGeometry((), ()), "a"),)),
        replace(PAGE, lines=(TranscribedLine("x", LineGeometry(((5, 5),), ((1, 1), (2, 2))), "a", float("nan")),)),
        replace(PAGE, lines=(TranscribedLine("x", LineGeometry(((-5, -5), (9999, 3)), ()), "a", 1.7),)),
        replace(PAGE, lines=(TranscribedLine("x", GEOMETRY, "", words=(TranscribedWord(""),)),) * 3),
        replace(PAGE, name="\x00", image_name="\ud800", metadata={"\x01": "\uffff"}),
    ],
)
def test_whatever_is_written_is_valid(schema: etree.XMLSchema, page: TranscribedPage) -> None:
    document = etree.fromstring(page_xml.write(page))
    schema.assertValid(document)


@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=4))
def test_any_text_survives(texts: list[str]) -> None:
    lines = tuple(
        TranscribedLine(f"l{number}", GEOMETRY, clean(text), words=tuple(map(TranscribedWord, clean(text).split())))
        for number, text in enumerate(texts)
    )
    page = replace(PAGE, lines=lines)
    assert page_xml.read(page_xml.write(page)) == page


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_characters_that_xml_cannot_hold_are_left_out_and_not_fatal(text: str, name: str) -> None:
    line = TranscribedLine(name, GEOMETRY, text, tags=(name,))
    page_xml.read(page_xml.write(replace(PAGE, image_name=name, name=text, lines=(line,))))


def test_a_line_without_polygon_gets_a_box_over_its_baseline() -> None:
    page = replace(PAGE, lines=(TranscribedLine("x", LineGeometry(((10, 300), (90, 300)), ()), "a"),))
    (line,) = page_xml.read(page_xml.write(page)).lines
    assert line.geometry == LineGeometry(((10, 300), (90, 300)), ((10, 290), (90, 290), (90, 300), (10, 300)))


def test_words_without_outline_share_their_line_by_length() -> None:
    root = etree.fromstring(page_xml.write(PAGE))
    coords = root.xpath("//*[local-name()='Word'][2]/*[local-name()='Coords']/@points")
    assert coords == ["109,20 210,20 210,55 109,55"]


def test_files_of_other_programs_and_years_are_read() -> None:
    data = b"""<?xml version="1.0"?>
    <PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"><Metadata>
      <Creator>Transkribus</Creator><Created>2019-02-03T10:00:00.000+01:00</Created></Metadata>
      <Page imageFilename="a.jpg" imageWidth="100" imageHeight="50">
        <ReadingOrder><OrderedGroup id="o"><RegionRefIndexed index="0" regionRef="b"/>
          <RegionRefIndexed index="1" regionRef="a"/></OrderedGroup></ReadingOrder>
        <TextRegion id="a" type="heading"><Coords points="0,0 9,0 9,9 0,9"/>
          <TextLine id="a2" custom="readingOrder {index:1;}"><Coords points="1,1 5,1 5,5 1,5 1,1"/>
            <TextEquiv index="1"><Unicode>other</Unicode></TextEquiv>
            <TextEquiv index="0" conf="0.5"><Unicode>second</Unicode></TextEquiv></TextLine>
          <TextLine id="a1" custom="readingOrder {index:0;} structure {type:MainLine;}"><Coords points="broken"/>
            <Baseline points="1,4 5,4"/><TextEquiv><PlainText>first</PlainText><Unicode>first</Unicode></TextEquiv>
          </TextLine></TextRegion>
        <TextRegion id="b"><Coords><Point x="0" y="0"/><Point x="9" y="0"/><Point x="9" y="9"/></Coords>
          <TextLine id="b1"><Coords><Point x="0" y="0"/><Point x="9" y="0"/><Point x="9" y="9"/></Coords>
            <Word id="w"><Coords points="0,0"/><TextEquiv><Unicode>of</Unicode></TextEquiv></Word>
            <Word id="v"><Coords points="0,0"/><TextEquiv><Unicode>words</Unicode></TextEquiv></Word></TextLine>
        </TextRegion></Page></PcGts>"""
    page = page_xml.read(data, "old.xml")
    assert (page.name, page.image_name, page.size) == ("old.xml", "a.jpg", (100, 50))
    assert [line.text for line in page.lines] == ["of words", "first", "second"]
    assert page.lines[0].geometry == LineGeometry((), ((0, 0), (9, 0), (9, 9)), "text")
    assert page.lines[1].geometry == LineGeometry(((1, 4), (5, 4)), (), "heading")
    assert page.lines[1].tags == ("MainLine",)
    assert page.lines[2].confidence == 0.5
    assert page.lines[2].geometry is not None
    assert page.lines[2].geometry.polygon == ((1, 1), (5, 1), (5, 5), (1, 5))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-xml"),
        (b"Dear Sir", "not-xml"),
        (b"<PcGts>", "not-xml"),
        (b"<PcGts/>", "not-page-xml"),
        (b"<html/>", "not-page-xml"),
        (b"<!DOCTYPE PcGts [<!ENTITY a 'b'>]><PcGts>&a;</PcGts>", "doctype"),
        (b"<!DOCTYPE PcGts SYSTEM 'http://127.0.0.1:9/x.dtd'><PcGts/>", "doctype"),
        ("<!DOCTYPE PcGts [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><PcGts>&a;</PcGts>".encode("utf-16"), "doctype"),
    ],
)
def test_what_is_not_a_harmless_page_file_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(BadInput) as raised:
        page_xml.read(data, "f12.xml")
    assert raised.value.code == code
    assert "“f12.xml”" in raised.value.message


def test_a_billion_laughs_are_not_heard() -> None:
    entities = "".join(f"<!ENTITY l{n + 1} '{f'&l{n};' * 10}'>" for n in range(9))
    data = f"<!DOCTYPE PcGts [<!ENTITY l0 'lol'>{entities}]><PcGts a='&l9;'>&l9;</PcGts>".encode()
    with pytest.raises(BadInput):
        page_xml.read(data)
