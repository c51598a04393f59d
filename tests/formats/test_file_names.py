"""Names of exported files: by the archive's pattern, safe everywhere, none twice."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.errors import BadInput
from transcription.formats.file_names import DEFAULT, FileNames, check_template, safe_part

VALUES: dict[str, str | int] = {
    "identifier": "PR 12/3",
    "collection": "Vestry minutes",
    "document": "Volume 1",
    "reference": "PR 12",
    "page": 7,
    "original": "scan 0007",
    "number": 31,
    "id": 99,
}


@pytest.mark.parametrize(
    ("template", "page", "document"),
    [
        ("", "Volume_1/0007_scan_0007", "Volume_1"),
        ("{identifier}_{page:03}", "PR_12_3_007", "Volume_1"),
        ("{collection}/{identifier}/{number}-{id}", "Vestry_minutes/PR_12_3/31-99", "Vestry_minutes/PR_12_3"),
        ("letters/{original}", "letters/scan_0007", "Volume_1"),
    ],
)
def test_a_pattern_names_pages_and_documents(template: str, page: str, document: str) -> None:
    names = FileNames(check_template(template))
    assert (names.page(VALUES), FileNames(names.template).document(VALUES)) == (page, document)


@pytest.mark.parametrize(
    "template",
    [
        *("{page", "{title}", "{document!r}", "{document.x}", "{document:04}", "{page:>9999999}", "../{page}", "a//b"),
        *("{page}/{original}", "{}", "{0}", "x" * 201, "{page:04}/../{id}"),
    ],
)
def test_patterns_that_cannot_work_are_refused_with_a_sentence(template: str) -> None:
    with pytest.raises(BadInput, match="pattern of file names") as refused:
        check_template(template)
    assert refused.value.code == "file-names"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=200), min_size=2, max_size=6))
def test_any_titles_give_safe_names_and_no_name_twice(titles: list[str]) -> None:
    names = FileNames(DEFAULT)
    found = [names.page(VALUES | {"document": title, "original": title}) for title in titles]
    assert len({name.casefold() for name in found}) == len(found)
    for part in "/".join(found).split("/"):
        assert part not in ("", ".", "..")
        assert not re.search(r'[\x00-\x1f<>:"|?*\\]', part)
        assert unicodedata.is_normalized("NFC", part)
        assert len(part.encode()) <= 255


def test_names_that_windows_keeps_for_devices_are_changed() -> None:
    assert [safe_part(name) for name in ("CON", "com1.txt", "console")] == ["_CON", "_com1.txt", "console"]
