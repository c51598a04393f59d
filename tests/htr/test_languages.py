from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from transcription.htr.languages import COMMON, language_name, language_tag

SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "schemas" / "page-2019-07-15.xsd"


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("en", "en"),
        ("EN-gb", "en-GB"),
        ("en_US", "en-US"),
        ("sr-latn-rs", "sr-Latn-RS"),
        ("eng", "en"),
        ("fre", "fr"),
        ("English", "en"),
        (" ANGLAIS ", "en"),
        ("French", "fr"),
        ("français", "fr"),
        ("Francais", "fr"),
        ("Deutsch", "de"),
        ("Latin", "la"),
        ("Norwegian Bokmål", "nb"),
        ("Middle English", "enm"),
        ("frm", "frm"),
        ("", ""),
        ("xx", ""),
        ("Klingonese", ""),
        ("English and French", ""),
    ],
)
def test_what_people_type_becomes_a_tag(typed: str, tag: str) -> None:
    assert language_tag(typed) == tag


def test_a_tag_stays_what_it_is() -> None:
    assert [language_tag(tag) for tag in COMMON] == list(COMMON)


def test_every_name_for_page_xml_is_in_its_schema() -> None:
    if not SCHEMA.exists():
        pytest.skip("the PAGE schema is not here")
    namespace = "{http://www.w3.org/2001/XMLSchema}"
    types = etree.parse(SCHEMA).iter(f"{namespace}simpleType")
    listed = next(kind for kind in types if kind.get("name") == "LanguageSimpleType")
    names = {value.get("value") for value in listed.iter(f"{namespace}enumeration")}
    letters = "abcdefghijklmnopqrstuvwxyz"
    tags = [tag for one in letters for two in letters if (tag := language_tag(one + two))]
    assert len(tags) > 150
    assert {language_name(tag) for tag in tags} <= names
    assert (language_name("frm"), language_name("en-GB"), language_name("")) == ("other", "English", "")
