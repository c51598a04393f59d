"""Lines of like width together: batches that a network reads without wasting its time on padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from transcription.htr.ink import fit_height
from transcription.htr.records import Gray, ItemError, LineImage

BUCKET = 32  # columns; 3 % of padding on the lines measured. Wider ones save no time until batches are single lines.


@dataclass(frozen=True, slots=True)
class FittedLine:
    """A line image at the network's height; ``width`` is its own, ``bucket`` the one it is padded to."""

    key: int
    pixels: Gray

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def bucket(self) -> int:
        return -(-self.width // BUCKET) * BUCKET


def fit_lines(
    crops: Iterable[LineImage], height: int, max_width: int, *, wide_as: int = 0
) -> tuple[list[FittedLine], list[ItemError]]:
    """All crops at ``height``, at most ``max_width`` wide (pixels), and an error for each that is no image; for
    ``wide_as`` see `fit_height`."""
    fitted, errors = [], []
    for crop in crops:
        error = bad_crop(crop)
        if error:
            errors.append(error)
        else:
            fitted.append(FittedLine(crop.key, fit_height(crop.pixels, height, max_width, wide_as=wide_as)))
    return fitted, errors


def bad_crop(crop: LineImage) -> ItemError | None:
    """Why ``crop`` is no line image, if it is none."""
    if crop.pixels.ndim == 2 and 0 not in crop.pixels.shape:
        return None
    shape = tuple(crop.pixels.shape)
    return ItemError(crop.key, "bad-crop", f"The line image has the shape {shape}, not (H, W).")


def batches(lines: Sequence[FittedLine], columns: int) -> Iterator[list[FittedLine]]:
    """Narrow lines first; each batch of one bucket only, and of at most ``columns`` in all unless one line has more.

    Padding changes what is read, a little; so how much a line gets is settled by its own width, never by its company.
    """
    batch: list[FittedLine] = []
    for line in sorted(lines, key=lambda line: line.width):
        if batch and (line.bucket != batch[0].bucket or (len(batch) + 1) * line.bucket > columns):
            yield batch
            batch = []
        batch.append(line)
    if batch:
        yield batch
