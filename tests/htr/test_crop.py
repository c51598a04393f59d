import csv
import io
import tarfile
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.crop import LINE_HEIGHT, MAX_WIDTH, cut_line, is_bent
from transcription.htr.records import Gray, LineGeometry, Point

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def page_with_a_bar(*, degrees: float = 0.0) -> tuple[Gray, LineGeometry]:
    """A light page with a dark bar 400 × 20, a black blot far above it, all turned by ``degrees``."""
    page = np.full((600, 800), 220, np.uint8)
    page[300:320, 200:600] = 30
    page[120:180, 300:400] = 0
    turn = cv2.getRotationMatrix2D((400, 300), -degrees, 1.0)
    page = cv2.warpAffine(page, turn, (800, 600), borderValue=220).astype(np.uint8)

    def turned(*points: Point) -> tuple[Point, ...]:
        moved = np.array(points) @ turn[:, :2].T + turn[:, 2]
        return tuple((round(x), round(y)) for x, y in moved)

    baseline = turned((200, 320), (600, 320))
    return page, LineGeometry(baseline=baseline, polygon=turned((190, 280), (610, 280), (610, 340), (190, 340)))


def test_lines_are_64_pixels_high_and_keep_their_proportions() -> None:
    page, line = page_with_a_bar()
    crop = cut_line(page, line)
    assert crop.shape == (LINE_HEIGHT, round((420 + 2 * 4.8) * 64 / (60 + 2 * 4.8)))
    assert crop.dtype == np.uint8


@pytest.mark.parametrize("degrees", [-30, -4, 3, 20])
def test_a_slanted_line_comes_out_level_and_like_the_level_one(degrees: float) -> None:
    level = cut_line(*page_with_a_bar())
    slanted = cut_line(*page_with_a_bar(degrees=degrees))
    assert abs(slanted.shape[1] - level.shape[1]) <= 8  # whole pixels make the turned polygon a little higher
    same = cv2.resize(slanted, level.shape[::-1]).astype(int)
    assert np.abs(same - level).mean() < 6


def bent_bar(*, rise: float, page: int = 220) -> tuple[Gray, LineGeometry]:
    """A dark bar 400 × 20 along a wave of ``rise`` pixels up and down, with its baseline and outline."""
    image = np.full((600, 800), page, np.uint8)
    xs = np.arange(200, 600)
    base = 320 + rise * np.sin((xs - 200) / 400 * 2 * np.pi)
    for x, y in zip(xs, base, strict=True):
        image[round(y) - 20 : round(y), x] = 30
    baseline = tuple((int(x), round(y)) for x, y in zip(xs[::20], base[::20], strict=True))
    upper = tuple((int(x), round(y) - 40) for x, y in zip(xs[::20], base[::20], strict=True))
    lower = tuple((int(x), round(y) + 20) for x, y in zip(xs[::20], base[::20], strict=True))
    return image, LineGeometry(baseline, (*upper, *lower[::-1]))


@pytest.mark.parametrize("rise", [12, 30, -40])
def test_a_bent_line_comes_out_straight(rise: float) -> None:
    image, line = bent_bar(rise=rise)
    assert is_bent(line)
    crop = cut_line(image, line)
    dark = np.argwhere(crop < 120)
    rows = [dark[dark[:, 1] == column, 0].mean() for column in range(30, crop.shape[1] - 30, 10)]
    assert np.ptp(rows) < 5
    assert np.mean([(crop[:, column] < 120).mean() for column in range(30, crop.shape[1] - 30)]) > 0.2


def test_a_line_that_hardly_bends_is_cut_as_it_stands() -> None:
    assert not is_bent(bent_bar(rise=3)[1])
    there_and_back = ((0, 50), (90, 50), (20, 90), (95, 95))
    assert not is_bent(LineGeometry(there_and_back, ((0, 0), (100, 0), (100, 100), (0, 100))))


def test_what_lies_outside_the_polygon_is_filled_with_paper() -> None:
    page, line = page_with_a_bar()
    ragged = LineGeometry(
        baseline=line.baseline, polygon=((190, 100), (230, 100), (230, 280), (610, 280), (610, 340), (190, 340))
    )
    crop = cut_line(page, ragged)
    assert crop[:25, crop.shape[1] // 3 :].min() > 200  # the blot is gone


def test_a_tall_line_is_averaged_not_sampled() -> None:
    page = np.full((2000, 3000), 255, np.uint8)
    page[:, ::2] = 0
    crop = cut_line(page, LineGeometry(((100, 900), (2900, 900)), ((100, 100), (2900, 100), (2900, 1000), (100, 1000))))
    assert abs(float(crop[10:-10, 20:-20].mean()) - 127.5) < 8
    assert crop[10:-10, 20:-20].std() < 30


def test_an_endless_line_is_squeezed() -> None:
    page = np.full((40, 30000), 200, np.uint8)
    crop = cut_line(page, LineGeometry(((0, 20), (29999, 20)), ((0, 15), (29999, 15), (29999, 22), (0, 22))))
    assert crop.shape == (LINE_HEIGHT, MAX_WIDTH)


@pytest.mark.parametrize(
    "polygon",
    [
        (),
        ((5, 5),),
        ((5, 5), (9, 9)),
        ((5, 5), (50, 5), (90, 5)),
        ((900, 900), (990, 900), (990, 950), (900, 950)),
        ((-90, -90), (-20, -90), (-20, -50)),
    ],
)
def test_an_absurd_polygon_gives_blank_paper(polygon: tuple[Point, ...]) -> None:
    crop = cut_line(np.zeros((100, 100), np.uint8), LineGeometry(baseline=((0, 8), (90, 8)), polygon=polygon))
    assert crop.shape == (LINE_HEIGHT, LINE_HEIGHT)
    assert crop.min() == 255


anywhere = st.tuples(st.integers(-300, 400), st.integers(-300, 400))


@settings(max_examples=150, deadline=None)
@given(st.lists(anywhere, max_size=6), st.lists(anywhere, max_size=8))
def test_no_geometry_raises(baseline: list[Point], polygon: list[Point]) -> None:
    crop = cut_line(np.full((80, 120), 99, np.uint8), LineGeometry(tuple(baseline), tuple(polygon)))
    assert crop.shape[0] == LINE_HEIGHT
    assert 8 <= crop.shape[1] <= MAX_WIDTH


def _alto_lines(path: Path) -> dict[str, LineGeometry]:
    def points(text: str) -> tuple[Point, ...]:
        numbers = [round(float(n)) for n in text.replace(",", " ").split()]
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))

    found = {}
    for line in ET.parse(path).iterfind(".//{*}TextLine"):
        polygon = line.find(".//{*}Polygon")
        if polygon is not None:
            found[line.attrib["ID"]] = LineGeometry(points(line.attrib["BASELINE"]), points(polygon.attrib["POINTS"]))
    return found


@pytest.mark.skipif(not (DATA / "pages").is_dir(), reason="real pages are not on this machine")
@pytest.mark.parametrize("name", ["fr_copiste", "fr_cremma19"])
def test_real_lines_are_cut_as_the_training_lines_were(name: str) -> None:
    with (DATA / "lines" / f"{name}.tsv").open(encoding="utf-8", newline="") as rows:
        names = {row["line_id"]: row["name"] for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)}
    compared = 0
    with tarfile.open(DATA / "lines" / f"{name}.tar") as archive:
        members = {Path(member.name).stem: member for member in archive.getmembers() if member.isfile()}
        for path in sorted((DATA / "pages" / name).glob("*.xml"))[:2]:
            page = cv2.imread(str(path.with_suffix(".jpg")), cv2.IMREAD_GRAYSCALE)
            assert page is not None
            for line_id, line in _alto_lines(path).items():
                if line_id not in names or is_bent(line):  # the published ones were not straightened
                    continue
                stored = archive.extractfile(members[Path(names[line_id]).stem])
                assert stored is not None
                data = np.frombuffer(io.BytesIO(stored.read()).getvalue(), np.uint8)
                expected = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
                assert expected is not None
                crop = cut_line(page.astype(np.uint8), line)
                assert abs(crop.shape[1] - expected.shape[1]) <= 2
                resized = cv2.resize(crop, expected.shape[::-1]).astype(int)
                assert np.abs(resized - expected).mean() < 12
                compared += 1
    assert compared >= 20
