"""A page's stored image as engines see it: whole, grey, at full size."""

from __future__ import annotations

from transcription.errors import OutOfMemory
from transcription.formats.pyramid import read_gray
from transcription.htr.records import Gray
from transcription.models import Page
from transcription.steps.files import local_path


def page_image(page: Page) -> Gray:
    """(H, W). Raises OutOfMemory, and PermanentError where the image is missing or damaged."""
    try:
        with local_path(page.pyramid) as path:
            image: Gray = read_gray(path)[0]
            return image
    except MemoryError as error:
        raise too_large_now() from error


def too_large_now() -> OutOfMemory:
    """What is said of a page for whose image memory did not suffice: other pages may have had it."""
    return OutOfMemory("There is not enough memory for the image of this page; it is tried again when there is more.")
