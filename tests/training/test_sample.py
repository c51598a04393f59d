"""The collection that Longhand draws itself: its files are what they claim to be, and the same seed draws the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageSequence

from transcription.htr.text import clean
from transcription.training.sample import SampleFile, ground_truth, render_sample
from transcription.training.sample.collection import _files
from transcription.training.sample.drawing import TEXTS, draw_page
from transcription.training.sample.hands import FONTS, load_font
from transcription.training.sample.noise import smooth_noise

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> list[SampleFile]:
    return render_sample(tmp_path_factory.mktemp("sample"))


def named(collection: list[SampleFile], name: str) -> SampleFile:
    return next(sample for sample in collection if sample.name == name)


def test_there_are_two_dozen_pages_in_every_kind_of_file(collection: list[SampleFile]) -> None:
    readable = [sample for sample in collection if "(" not in sample.name]
    assert sum(len(sample.pages) for sample in readable) == 24
    assert {sample.path.suffix for sample in collection} == {".jpg", ".png", ".pdf", ".tif"}
    assert len({sample.name for sample in collection}) == len(collection) == 22


def test_every_file_lies_where_it_says_and_is_under_a_megabyte(collection: list[SampleFile]) -> None:
    for sample in collection:
        assert sample.path.name == sample.name
        assert 50_000 < sample.path.stat().st_size < MEGABYTE, sample.name
        if sample.path.suffix == ".jpg":
            assert sample.path.stat().st_size < 400_000, sample.name


def test_every_readable_image_decodes_to_the_size_of_a_scan(collection: list[SampleFile]) -> None:
    for sample in collection:
        if sample.path.suffix in {".jpg", ".png"} and sample.pages:
            with Image.open(sample.path) as image:
                image.load()
                assert min(image.size) > 850, sample.name


def test_the_tiff_holds_a_page_for_every_list_of_lines(collection: list[SampleFile]) -> None:
    sample = named(collection, "carnet_1853.tif")
    with Image.open(sample.path) as image:
        sizes = [frame.copy().size for frame in ImageSequence.Iterator(image)]
    assert len(sizes) == len(sample.pages) == 3
    assert sizes == [(1400, 1900)] * 3


def test_the_pdf_holds_a_page_for_every_list_of_lines(collection: list[SampleFile]) -> None:
    sample = named(collection, "diary_1877.pdf")
    document = pypdfium2.PdfDocument(sample.path)
    assert len(document) == len(sample.pages) == 3
    picture = np.asarray(document[0].render(scale=1).to_pil().convert("L"))
    assert picture.std() > 10


def test_the_damaged_file_is_refused_by_the_decoder(collection: list[SampleFile]) -> None:
    sample = named(collection, "lettre_1848_p2 (incomplete).jpg")
    assert sample.pages == []
    with Image.open(sample.path) as image, pytest.raises(OSError, match="truncated"):
        image.load()


def test_the_duplicate_has_the_bytes_of_its_original(collection: list[SampleFile]) -> None:
    copy, original = named(collection, "letter_1794_p1 (copy).jpg"), named(collection, "letter_1794_p1.jpg")
    assert copy.path.read_bytes() == original.path.read_bytes()


def test_ground_truth_is_text_as_longhand_stores_it(collection: list[SampleFile]) -> None:
    for sample in collection:
        for page in sample.pages:
            assert len(page) >= 8, sample.name
            assert all(line and line == clean(line) for line in page), sample.name


def test_ground_truth_stands_beside_every_single_page_image_once(tmp_path: Path, collection: list[SampleFile]) -> None:
    written = ground_truth(tmp_path)
    assert len(written) == 18
    for path in written:
        image = next(s for s in collection if Path(s.name).stem == path.stem)
        assert path.read_text(encoding="utf-8").splitlines() == image.pages[0]


def test_the_same_seed_draws_the_same_page_and_another_seed_another() -> None:
    spec = next(page for file in _files() for page in file.pages if page.name == "receipt_plum_cake")
    assert np.array_equal(draw_page(spec, 7), draw_page(spec, 7))
    assert not np.array_equal(draw_page(spec, 7), draw_page(spec, 8))


def test_whole_files_are_the_same_again(
    tmp_path: Path, collection: list[SampleFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [f for f in _files() if f.name in {"diary_1877.pdf", "letter_1794_p1.jpg", "lettre_1848_p2.jpg"}]
    monkeypatch.setattr("transcription.training.sample.collection._files", lambda: iter(few))
    for sample in render_sample(tmp_path):
        assert sample.path.read_bytes() == named(collection, sample.name).path.read_bytes(), sample.name


def test_hard_pages_have_fainter_ink_than_good_ones(collection: list[SampleFile]) -> None:
    def contrast(name: str) -> float:
        gray = np.asarray(Image.open(named(collection, name).path).convert("L"))[200:-200, 200:-200]
        return float(np.percentile(gray, 60) - np.percentile(gray, 2))

    assert contrast("letter_1862.jpg") < 0.6 * contrast("letter_1794_p1.jpg")


def test_every_character_of_the_texts_is_in_every_font_that_may_write_it() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in TEXTS.glob("*.txt"))
    characters = sorted(set(text) - set("⟦⟧\n |"))
    for path in FONTS.glob("*.woff"):
        font = load_font(path.stem, 40)
        missing = bytes(font.getmask("\uffff"))
        assert [c for c in characters if bytes(font.getmask(c)) == missing] == [], path.stem


def test_every_font_carries_its_licence() -> None:
    fonts = sorted(path.stem for path in FONTS.glob("*.woff"))
    assert len(fonts) == 4
    for font in fonts:
        assert "SIL Open Font License" in (FONTS / f"{font}-LICENSE.txt").read_text(encoding="utf-8")


def test_smooth_noise_has_the_asked_size_and_a_spread_near_one() -> None:
    field = smooth_noise(np.random.default_rng(1), (640, 480), 9.0)
    assert field.shape == (480, 640)
    assert abs(float(field.mean())) < 0.1
    assert 0.4 < float(field.std()) < 1.1


def test_drawing_needs_neither_torch_nor_django() -> None:
    code = "import sys, transcription.training.sample; print(sorted({'torch', 'django'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
