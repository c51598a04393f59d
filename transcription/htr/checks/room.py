"""What a line has room for: characters on its length, ink for its text, text for its ink."""

from __future__ import annotations

from transcription.htr.text import ILLEGIBLE, normalised

# Characters on a stretch as long as the line is high. Tightly written lines of the tune split have 6; what stands on
# more than two lines, or was made up, has more than twice that.
MOST_ON_A_SQUARE = 16.0
FEW = 12  # characters that no line is too short for: its outline may have missed half of a word
LEAST_INK = 0.01  # share of a crop: less is paper; no line of the tune split has under 0.03
PLAIN_INK = 0.05  # share of a crop that 19 of 20 lines have, and hardly any empty place


def too_long(text: str, proportion: float | None) -> str:
    """Figures of a text that cannot stand on a line as long as ``proportion`` times its height, "" where it can."""
    length = len(normalised(text))
    if proportion is None or length <= max(FEW, MOST_ON_A_SQUARE * proportion):
        return ""
    return f"{length} > {max(FEW, MOST_ON_A_SQUARE * proportion):.0f}"


def no_ink(text: str, ink: float | None) -> str:
    """The share of ink of a line that has text and no ink to write it, "" where all is well."""
    if ink is None or ink >= LEAST_INK or not normalised(text):
        return ""
    return f"{ink:.1%}"


def not_read(text: str, ink: float | None) -> str:
    """The share of ink of a line on which something stands and nothing was read, "" where all is well."""
    if ink is None or ink < PLAIN_INK or text.replace(ILLEGIBLE, "").strip() or ILLEGIBLE in text:
        return ""
    return f"{ink:.1%}"
