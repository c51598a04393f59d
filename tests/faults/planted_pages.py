"""Makes the pages of `test_planted_engines` in an installation: `manage.py shell -c` with ``plant()``."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from tests.engines.planted import Treacherous
from tests.factories import create_collection
from tests.steps.journey import drawn_layout, prepared_page
from transcription.htr.crop import LINE_HEIGHT
from transcription.htr.records import LayoutRecord, LineGeometry
from transcription.steps.profiles import PassRecipe, version_at_present

WELL = 4  # pages of three lines each that are read well, among the bad ones
HEIGHT, MARGIN = 60, 0.16  # of a line's polygon, and what is cut around it (`htr.crop`), both sides together


@transaction.atomic
def plant() -> None:
    """A collection that is read in one pass: a page of one line for each way to read it badly, and some good ones."""
    version = version_at_present("one pass", [[PassRecipe("plain", "starter")]])
    collection = create_collection(title="Planted", profile=version.profile)
    for number, way in enumerate(Treacherous.WAYS):
        if number < WELL:
            prepared_page(settings.MEDIA_ROOT, collection=collection, title=f"good {number}")
        prepared_page(settings.MEDIA_ROOT, collection=collection, layout=_layout(way), title=way)


def _layout(way: str) -> LayoutRecord:
    width = round(Treacherous.width_of(way) * HEIGHT * (1 + MARGIN) / LINE_HEIGHT - MARGIN * HEIGHT)
    right, bottom = 50 + width, 60 + HEIGHT
    outline = ((50, 60), (right, 60), (right, bottom), (50, bottom))
    return LayoutRecord((LineGeometry(((50, 100), (right, 100)), outline),), drawn_layout(1).size)
