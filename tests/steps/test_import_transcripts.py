from __future__ import annotations

import codecs
import random

import pytest

from tests.factories import create_collection, create_document, create_original, create_page, create_user
from transcription.errors import BadInput
from transcription.models import Collection, ImportedTranscript, Original, Page, PageState, Step, Work
from transcription.steps import import_transcripts as module
from transcription.steps.import_transcripts import PagesByName, check_transcript, import_transcripts
from transcription.steps.withdraw import withdraw_transcript

pytestmark = pytest.mark.django_db


def scan(collection: Collection, name: str, *, document: str = "Letters", frames: int = 1) -> Original:
    known = collection.documents.filter(title=document).first()
    original = create_original(
        document=known or create_document(collection=collection, title=document), name=name, frames=frames
    )
    for frame in range(frames):
        create_page(document=original.document, original=original, frame=frame)
    return original


def codes(collection: Collection, **files: bytes) -> list[str]:
    named = [(name.replace("__", "."), data) for name, data in files.items()]
    return [each.code for each in import_transcripts(collection=collection, files=named, importer=None).refused]


def page_xml(*texts: str) -> bytes:
    """PAGE XML as some export it: text and no coordinates."""
    lines = "".join(f"<TextLine><TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>" for text in texts)
    namespace = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
    page = f"<Page imageFilename='a' imageWidth='9' imageHeight='9'><TextRegion>{lines}</TextRegion></Page>"
    return f"<PcGts xmlns='{namespace}'>{page}</PcGts>".encode()


class TestNames:
    @pytest.mark.parametrize("name", ["scan-1.txt", "SCAN-1.TXT", "scan-1.xml", "scan-1.jpg.txt"])
    def test_a_transcript_is_named_as_its_scan(self, name: str) -> None:
        original = scan(create_collection(), "scan-1.jpg")
        assert PagesByName(original.collection).find(name) == (original, 0)

    def test_accents_may_be_written_in_two_ways(self) -> None:
        original = scan(create_collection(), "Zürich.jpg")
        assert PagesByName(original.collection).find("Zu\u0308rich.txt") == (original, 0)

    @pytest.mark.parametrize("name", ["letter-3.txt", "letter_0003.txt", "letter p3.txt", "letter-page-3.xml"])
    def test_a_page_of_a_file_with_several_is_told_by_its_number(self, name: str) -> None:
        original = scan(create_collection(), "letter.pdf", frames=12)
        assert PagesByName(original.collection).find(name) == (original, 2)

    @pytest.mark.parametrize(
        ("name", "code"),
        [("other.txt", "no-such-page"), ("letter.txt", "several-pages"), ("letter-13.txt", "no-such-page")],
    )
    def test_what_fits_no_single_page_is_said(self, name: str, code: str) -> None:
        original = scan(create_collection(), "letter.pdf", frames=12)
        with pytest.raises(BadInput) as refused:
            PagesByName(original.collection).find(name)
        assert refused.value.code == code

    def test_a_name_that_fits_two_scans_is_taken_for_one_of_their_documents(self) -> None:
        collection = create_collection()
        first, second = scan(collection, "1.jpg", document="Box 1"), scan(collection, "1.jpg", document="Box 2")
        with pytest.raises(BadInput, match="“Box 1”, “Box 2”") as refused:
            PagesByName(collection).find("1.txt")
        assert refused.value.code == "ambiguous"
        assert PagesByName(collection, second.document).find("1.txt") == (second, 0)
        assert PagesByName(collection, first.document).find("1.txt") == (first, 0)

    def test_scans_of_other_collections_are_not_found(self) -> None:
        scan(create_collection(), "scan-1.jpg")
        with pytest.raises(BadInput):
            PagesByName(create_collection()).find("scan-1.txt")


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "data", "code"),
        [
            ("a.txt", b"", "empty"),
            ("a.txt", b" \n \n", "empty"),
            ("a.docx", b"PK", "wrong-type"),
            ("a.txt", b"\x00\x01\x02", "not-text"),
            ("a.txt", "Zürich".encode("utf-16-le"), "not-text"),
            ("a.txt", b"d\x8ej\x81 vu", "wrong-encoding"),
            ("a.txt", codecs.BOM_UTF16_LE + random.Random(1).randbytes(400), "not-text"),
            ("a.txt", codecs.BOM_UTF16_BE + random.Random(2).randbytes(40), "not-text"),
            ("a.txt", "".join(map(chr, (0x5B57, 0xA123, 0x1203, 0xC7A5, 0x0B85, 0x1403))).encode(), "not-text"),
            ("a.txt", b"word " * 2001, "too-long"),
            ("a.txt", b"x" * (2 * 2**20 + 1), "too-large"),
            ("a.xml", b"<html/>", "not-ground-truth"),
            ("a.xml", b"<alto", "not-xml"),
            ("a.xml", page_xml(""), "no-text"),
        ],
    )
    def test_what_is_no_transcript_of_a_page_is_refused_in_a_sentence(self, name: str, data: bytes, code: str) -> None:
        with pytest.raises(BadInput) as refused:
            check_transcript(name, data)
        assert refused.value.code == code
        assert name in refused.value.message

    @pytest.mark.parametrize(
        "data",
        ["Zürich\n".encode(), codecs.BOM_UTF16_LE + "Zürich".encode("utf-16-le"), "Zürich".encode("cp1252")],
        ids=["utf-8", "utf-16", "cp1252"],
    )
    def test_text_is_taken_in_the_encodings_people_have(self, data: bytes) -> None:
        assert check_transcript("a.txt", data) == 1

    def test_a_file_that_is_not_in_utf_8_is_reported_with_its_encoding(self) -> None:
        original = scan(create_collection(), "a.jpg")
        report = import_transcripts(
            collection=original.collection, files=[("a.txt", "Zürich".encode("cp1252"))], importer=None
        )
        assert report.imported[0].remarks() == ["“a.txt” is not in UTF-8; it was read as Windows-1252."]

    def test_what_a_file_replaces_and_that_its_page_is_approved_is_reported(self) -> None:
        original = scan(create_collection(), "a.jpg")
        import_transcripts(collection=original.collection, files=[("a.txt", b"one")], importer=None)
        Page.objects.update(approved_at="2026-01-01T00:00Z", state=PageState.REVIEWED)
        report = import_transcripts(collection=original.collection, files=[("a.txt", b"two")], importer=None)
        replaced, approved = report.imported[0].remarks()
        assert "replaces the transcript “a.txt” of 20" in replaced
        assert approved == "Page 1 of “Letters” is approved; “a.txt” is kept and nothing was changed."

    def test_bytes_that_were_withdrawn_are_taken_again(self) -> None:
        original = scan(create_collection(), "a.jpg")
        report = import_transcripts(collection=original.collection, files=[("a.txt", b"one")], importer=None)
        withdraw_transcript(report.imported[0].transcript, by=create_user())
        again = import_transcripts(collection=original.collection, files=[("a.txt", b"one")], importer=None)
        assert (again.new, again.imported[0].transcript.number, again.imported[0].replaces) == (1, 2, None)

    def test_page_xml_without_coordinates_is_taken(self) -> None:
        assert check_transcript("a.xml", page_xml("one", "two")) == 2


class TestImport:
    def test_good_files_are_stored_as_they_came_and_bad_ones_reported(self) -> None:
        original = scan(create_collection(), "a.jpg")
        person = create_user()
        files = [("b.txt", b"text"), ("a.txt", b"\xef\xbb\xbfDear Sir,\r\n"), ("c.txt", b"")]
        report = import_transcripts(collection=original.collection, files=files, importer=person)
        assert (report.new, [each.code for each in report.refused]) == (1, ["no-such-page", "empty"])
        stored = ImportedTranscript.objects.get()
        assert bytes(stored.data) == b"\xef\xbb\xbfDear Sir,\r\n"
        assert (stored.importer, stored.lines, stored.number, stored.name) == (person, 1, 1, "a.txt")

    def test_the_same_bytes_again_are_not_stored_again(self) -> None:
        original = scan(create_collection(), "a.jpg")
        for expected in (1, 0):
            report = import_transcripts(collection=original.collection, files=[("a.txt", b"x")], importer=None)
            assert (report.new, len(report.imported)) == (expected, 1)
        assert ImportedTranscript.objects.count() == 1

    def test_two_files_for_one_page_are_not_guessed_between(self) -> None:
        original = scan(create_collection(), "a.jpg")
        assert codes(original.collection, a__txt=b"one", a__xml=b"") == ["empty"]
        assert codes(original.collection, a__txt=b"one", A__txt=b"two") == ["twice"]

    def test_a_scan_that_is_not_opened_yet_keeps_its_transcript_until_it_is(self) -> None:
        original = create_original(name="a.jpg", frames=None)
        report = import_transcripts(collection=original.collection, files=[("a.txt", b"text")], importer=None)
        assert report.new == 1
        assert not Work.objects.filter(step=Step.ALIGN).exists(), "its page will ask when it is scored"

    def test_a_path_in_a_name_is_only_a_name(self) -> None:
        original = scan(create_collection(), "a.jpg")
        report = import_transcripts(collection=original.collection, files=[("../../a.txt", b"text")], importer=None)
        assert [each.transcript.name for each in report.imported] == ["a.txt"]

    def test_limits_are_those_the_screens_tell(self) -> None:
        assert (module.LARGEST_FILE, module.MOST_WORDS) == (2 * 2**20, 2000)
