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
from transcription.htr.records import LineGeometry, Point, RegionGeometry
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
        TranscribedLine(
            "5b3c-uuid", replace(GEOMETRY, region="marginalia"), "N.B. […] ⸢x⸣", author="person", writer="Ann Lee"
        ),
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


SQUARE = ((0, 0), (700, 0), (700, 500), (0, 500))
REGIONS = (
    RegionGeometry("column 1", "paragraph", SQUARE),
    RegionGeometry("m1", "marginalia", ((700, 10), (790, 10), (790, 90))),
    RegionGeometry("r3", "table of contents", SQUARE),
)


def with_regions(*regions: str) -> TranscribedPage:
    lines = tuple(
        TranscribedLine(f"l{n}", replace(GEOMETRY, region=region, production="handwritten"), f"line {n}")
        for n, region in enumerate(regions)
    )
    return replace(PAGE, lines=lines, regions=REGIONS)


def test_a_region_is_one_element_with_its_outline_though_another_is_read_in_between(schema: etree.XMLSchema) -> None:
    page = with_regions("column 1", "m1", "column 1", "footer")
    data = page_xml.write(page)
    root = etree.fromstring(data)
    schema.assertValid(root)
    regions = root.findall(".//{*}TextRegion")
    assert [each.get("type") for each in regions] == ["paragraph", "marginalia", None, "footer"]
    assert regions[0].find("{*}Coords").get("points") == "0,0 700,0 700,500 0,500"  # type: ignore[union-attr]
    assert [each.get("id") for each in regions[0].findall("{*}TextLine")] == ["l0", "l2"]
    assert {each.get("production") for each in root.iter("{*}TextLine")} == {"handwritten-cursive"}
    refs = [each.get("regionRef") for each in root.iter("{*}RegionRefIndexed")]
    assert refs == [each.get("id") for each in regions]
    assert page_xml.read(data) == page


points = st.lists(st.tuples(st.integers(0, 800), st.integers(0, 600)), min_size=3, max_size=5).filter(
    lambda along: along[0] != along[-1]
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=8)
kinds = st.sampled_from(["paragraph", "marginalia", "header", "text", "MainZone"])


@given(
    st.lists(st.tuples(names, kinds, points), max_size=4, unique_by=lambda each: each[0]),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "handwritten", "printed", "typewritten"])), max_size=8),
)
def test_regions_productions_and_order_survive(
    schema: etree.XMLSchema, made: list[tuple[str, str, list[Point]]], lines: list[tuple[int, str]]
) -> None:
    regions = [RegionGeometry(name, kind, tuple(polygon)) for name, kind, polygon in made]
    others = [name for name in ("text", "marginalia") if name not in {region.id for region in regions}]
    known = [*(region.id for region in regions), *others] or ["MainZone"]
    written = tuple(
        TranscribedLine(
            f"l{n}", replace(GEOMETRY, region=known[which % len(known)], production=production), f"text {n}"
        )
        for n, (which, production) in enumerate(lines)
    )
    used = [line.geometry.region for line in written if line.geometry]
    regions.sort(key=lambda region: used.index(region.id) if region.id in used else len(used))  # in reading order
    page = replace(PAGE, lines=written, regions=tuple(regions))
    data = page_xml.write(page)
    schema.assertValid(etree.fromstring(data))
    assert page_xml.read(data) == page


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
        <TextRegion id="a" type="heading" production="printed"><Coords points="0,0 9,0 9,9 0,9"/>
          <TextLine id="a2" production="medieval-manuscript" custom="readingOrder {index:1;}">
            <Coords points="1,1 5,1 5,5 1,5 1,1"/>
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
    assert page.lines[0].geometry == LineGeometry((), ((0, 0), (9, 0), (9, 9)), "b")
    assert page.lines[1].geometry == LineGeometry(((1, 4), (5, 4)), (), "a", "printed")
    assert page.regions == (
        RegionGeometry("b", "text", ((0, 0), (9, 0), (9, 9))),
        RegionGeometry("a", "heading", ((0, 0), (9, 0), (9, 9), (0, 9))),
    )
    assert page.lines[1].tags == ("MainLine",)
    assert page.lines[2].confidence == 0.5
    assert page.lines[2].geometry is not None
    assert page.lines[2].geometry.production == "handwritten"
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
