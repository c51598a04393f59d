"""What enhancements make of a page: a part of it, or one of its lines as engines get it, as a small JPEG."""

from __future__ import annotations

from pathlib import Path

from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from transcription.errors import BadInput, PermanentError
from transcription.formats.pyramid import gray_jpeg, read_gray_region
from transcription.htr.crop import LINE_HEIGHT, blank_line, cut_line, extent
from transcription.htr.enhance import Enhancement
from transcription.htr.geometry import bounding_box
from transcription.htr.records import Gray, LineGeometry
from transcription.models import LayoutLine, Page
from transcription.steps.files import local_path
from transcription.views.access import SignedInRequest, page_or_404, signed_in

MOST_PIXELS = 1_500_000  # of a region, after scaling: the slowest recipe takes about a second for as many
MOST_LINE_PIXELS = 16_000_000  # of the page that are read to cut one line; more is read at a smaller scale
SMALLEST_SCALE, LARGEST_SCALE = 0.1, 2.0
_MARGIN = 1.16  # the crop's height in heights of the polygon: 8 % are added on both sides
CACHED = "private, max-age=604800, immutable"  # the URL names the image, the layout and all that was asked for


@require_safe
@signed_in
def enhanced_region(request: SignedInRequest, pk: int) -> HttpResponse:
    """A part of the page (``x``, ``y``, ``width``, ``height``: pixels of the page), enhanced, at ``reading_scale``.

    ``enhancement`` as ``Enhancement.parse`` reads it. Padding is left out: it is for lines, and would move the page.
    """
    page = page_or_404(request, pk)
    if not page.pyramid:
        raise Http404
    try:
        enhancement = _enhancement(request)
        x, y, width, height = (_whole(request, name) for name in ("x", "y", "width", "height"))
        scale = reading_scale(page)
        if min(width, height) < 1 or width * height * scale * scale > MOST_PIXELS:
            raise BadInput(_("Ask for a smaller part of the page."), code="region-too-large")
    except BadInput as error:
        return HttpResponseBadRequest(error.message, content_type="text/plain; charset=utf-8")
    try:
        with local_path(page.pyramid) as path:
            image = read_gray_region(path, x, y, width, height, scale)
    except PermanentError as error:
        raise Http404(error.message) from error
    steps = tuple(step for step in enhancement.steps if step.recipe != "pad")
    return _answer(Enhancement(steps).apply(image))


@require_safe
@signed_in
def enhanced_line(request: SignedInRequest, pk: int, line: int) -> HttpResponse:
    """One line of the page's layout, cut and enhanced as an engine gets it."""
    page = page_or_404(request, pk)
    place = get_object_or_404(LayoutLine, layout=page.layout_id, line=line)
    if not page.pyramid:
        raise Http404
    try:
        enhancement = _enhancement(request)
    except BadInput as error:
        return HttpResponseBadRequest(error.message, content_type="text/plain; charset=utf-8")
    try:
        with local_path(page.pyramid) as path:
            image = line_image(path, place.geometry)
    except PermanentError as error:
        raise Http404(error.message) from error
    return _answer(enhancement.apply(image))


def reading_scale(page: Page) -> float:
    """The scale at which the page's lines are as high as those that engines read; 1 where it has none."""
    heights = sorted(line_height(place.geometry) for place in LayoutLine.objects.filter(layout=page.layout_id)[:200])
    height = heights[len(heights) // 2] if heights else 0.0
    scale = LINE_HEIGHT / (_MARGIN * height) if height > 0 else 1.0
    return round(min(LARGEST_SCALE, max(SMALLEST_SCALE, scale)), 3)


def line_height(geometry: LineGeometry) -> float:
    """About how high a line's polygon is, measured across its box."""
    if not geometry.polygon:
        return 0.0
    left, top, right, bottom = bounding_box(geometry.polygon)
    return float(min(right - left, bottom - top))


def line_image(pyramid: Path, geometry: LineGeometry) -> Gray:
    """The line as ``cut_line`` cuts it, of which only its part of the page is read.

    Raises PermanentError where the pyramid cannot be read or the line lies outside of the page.
    """
    part = extent(geometry)
    if part is None:
        return blank_line()
    left, top = max(0, part[0]), max(0, part[1])
    width, height = part[2] - left, part[3] - top
    scale = min(1.0, (MOST_LINE_PIXELS / max(1, width * height)) ** 0.5)
    image = read_gray_region(pyramid, left, top, width, height, scale)

    def there(chain: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((round((x - left) * scale), round((y - top) * scale)) for x, y in chain)

    return cut_line(image, LineGeometry(there(geometry.baseline), there(geometry.polygon)))


def _enhancement(request: SignedInRequest) -> Enhancement:
    return Enhancement.parse(request.GET.get("enhancement", "plain"))


def _whole(request: SignedInRequest, name: str) -> int:
    """A parameter as a whole number of pixels, within what any page has; raises BadInput."""
    text = request.GET.get(name, "")
    try:
        number = int(text) if len(text) <= 9 else 10**6
    except ValueError:
        number = 10**6
    if not -100_000 <= number <= 100_000:
        raise BadInput(_("“%(name)s” must be a whole number of pixels.") % {"name": name}, code="bad-region")
    return number


def _answer(image: Gray) -> HttpResponse:
    return HttpResponse(gray_jpeg(image), content_type="image/jpeg", headers={"Cache-Control": CACHED})
