"""Whether an image without writing is a sheet of blank paper, or a picture or a black frame that somebody must see."""

from __future__ import annotations

import cv2
import numpy as np

from transcription.htr.records import Gray

_MARGIN = 0.1  # of each side: a scanner's black edge, a neighbouring page or a shadow says nothing of the sheet
_CELL = 16  # pixels: fibres and show-through are evened out over as much, a picture's shapes are not
_BLACK = 48.0  # gray: a median below it is an image that shows next to nothing
_LIGHT = 100.0  # gray: paper is no darker, brown paper neither
_MOST_CONTRAST = 0.3  # between the lighter and the darker parts of one sheet, as a share of the lighter


def why_no_blank_paper(page: Gray) -> str:
    """One sentence where a gray page (H, W) at working size is not light and even; empty where it is blank paper."""
    rows, columns = (round(_MARGIN * side) for side in page.shape)
    inner = page[rows : page.shape[0] - rows, columns : page.shape[1] - columns]
    size = (max(4, inner.shape[1] // _CELL), max(4, inner.shape[0] // _CELL))
    cells = cv2.resize(inner, size, interpolation=cv2.INTER_AREA)
    darker, middle, lighter = np.percentile(cells, (5, 50, 95))
    if middle < _BLACK:
        return "No writing was found on this page; it is almost black."
    if middle < _LIGHT or lighter - darker > _MOST_CONTRAST * lighter:
        return "No writing was found on this page, though it is not blank paper."
    return ""
