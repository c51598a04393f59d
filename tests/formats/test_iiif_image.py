from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.errors import BadInput
from transcription.formats.iiif_image import MAX_AREA, MAX_SIDE, ImageRequest, info, largest, parse_request

PAGE = (3000, 4000)


def asked(path: str, page: tuple[int, int] = PAGE) -> ImageRequest:
    region, size, rotation, last = path.split("/")
    quality, _, format_ = last.rpartition(".")
    return parse_request(page, region=region, size=size, rotation=rotation, quality=quality, format_=format_)


@pytest.mark.parametrize(
    ("path", "region", "size", "canonical"),
    [
        ("full/max/0/default.jpg", (0, 0, 3000, 4000), (3000, 4000), "full/max/0/default.jpg"),
        ("full/600,/0/default.jpg", (0, 0, 3000, 4000), (600, 800), "full/600,800/0/default.jpg"),
        ("full/,800/0/gray.png", (0, 0, 3000, 4000), (600, 800), "full/600,800/0/gray.png"),
        ("full/!600,600/0/default.jpg", (0, 0, 3000, 4000), (450, 600), "full/450,600/0/default.jpg"),
        ("full/pct:10/0/default.jpg", (0, 0, 3000, 4000), (300, 400), "full/300,400/0/default.jpg"),
        ("square/100,/0/default.jpg", (0, 500, 3000, 3000), (100, 100), "0,500,3000,3000/100,100/0/default.jpg"),
        ("2900,3900,500,500/max/0/color.jpg", (2900, 3900, 100, 100), (100, 100), "2900,3900,100,100/max/0/color.jpg"),
        (
            "pct:50,50,25,25/max/0/default.jpg",
            (1500, 2000, 750, 1000),
            (750, 1000),
            "1500,2000,750,1000/max/0/default.jpg",
        ),
        ("0,0,300,100/30,40/0/default.jpg", (0, 0, 300, 100), (30, 40), "0,0,300,100/30,40/0/default.jpg"),
    ],
)
def test_a_request_means_one_region_in_one_size(
    path: str, region: tuple[int, ...], size: tuple[int, int], canonical: str
) -> None:
    request = asked(path)
    assert (request.region, request.size) == (region, size)
    assert request.canonical(PAGE) == canonical
    assert asked(canonical) == request, "the canonical request is the same request"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("full/^3500,/0/default.jpg", "not-offered"),
        ("full/max/90/default.jpg", "not-offered"),
        ("full/max/!0/default.jpg", "not-offered"),
        ("full/max/0/bitonal.jpg", "not-offered"),
        ("full/max/0/default.webp", "not-offered"),
        ("full/max/0/default", "not-offered"),
        ("full/3001,/0/default.jpg", "wrong-request"),
        ("0,0,10,10/11,5/0/default.jpg", "wrong-request"),
        ("3000,0,10,10/max/0/default.jpg", "wrong-request"),
        ("0,0,0,10/max/0/default.jpg", "wrong-request"),
        ("-1,0,10,10/max/0/default.jpg", "wrong-request"),
        ("1,2,3/max/0/default.jpg", "wrong-request"),
        ("pct:101,0,1,1/max/0/default.jpg", "wrong-request"),
        ("9999999999,0,1,1/max/0/default.jpg", "wrong-request"),
        ("full/0,/0/default.jpg", "wrong-request"),
        ("full/,/0/default.jpg", "wrong-request"),
        ("full/!,5/0/default.jpg", "wrong-request"),
        ("full/pct:0/0/default.jpg", "wrong-request"),
        ("full/full/0/default.jpg", "wrong-request"),
        ("full/nan,/0/default.jpg", "wrong-request"),
    ],
)
def test_what_cannot_be_given_is_said(path: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        asked(path)
    assert refused.value.code == code


def test_the_largest_is_bounded_and_of_the_same_shape() -> None:
    width, height = largest(20_000, 10_000)
    assert max(width, height) <= MAX_SIDE
    assert width * height <= MAX_AREA
    assert width / height == pytest.approx(2, rel=0.01)
    with pytest.raises(BadInput):
        asked("full/6001,/0/default.jpg", (20_000, 10_000))


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_every_size_and_tile_that_is_offered_is_given(width: int, height: int) -> None:
    page = (width, height)
    told = info("https://x/1", page)
    for size in told["sizes"]:
        assert asked(f"full/{size['width']},{size['height']}/0/default.jpg", page)
    (tiles,) = told["tiles"]
    for factor in tiles["scaleFactors"]:
        span = tiles["width"] * factor
        across, down = min(span, width), min(span, height)
        request = asked(f"0,0,{span},{span}/{-(-across // factor)},{-(-down // factor)}/0/default.jpg", page)
        assert max(request.size) <= tiles["width"]
