"""A page in review as the machine leaves one: a real image with its pyramid, lines, readings' vote, doubtful words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips
from django.conf import settings
from django.contrib.auth.models import User
from PIL import Image, ImageDraw, ImageFont

from tests.factories import (
    create_collection,
    create_document,
    create_membership,
    create_page,
    create_profile_version,
    create_run,
    create_user,
    create_vote,
)
from transcription.formats.pyramid_writer import write_pyramid, write_thumbnail
from transcription.htr.records import ReadingRecord
from transcription.models import Collection, Layout, LayoutLine, Line, Page, PageState, Reading, Role, RouteDecision
from transcription.steps.usefulness import weigh

PASSES = ["plain+starter", "clahe+starter", "adaptive+starter"]
WIDTH, HEIGHT, LEFT, SIZE, LEADING = 1200, 900, 110, 44, 92
# What stands on the page. `read|other|other` is a doubtful word: as read, then its alternatives.
TEXT = [
    "On the 4th day of May 1702 the Rector",
    "married John Alder and Anne|Anna|Ann Webbe of",
    "this parish and baptised Marye|Mary|Marie daughter",
    "of Will'm Smyth|Smith widow at the font",
]


@dataclass(frozen=True)
class Words:
    """A line of TEXT taken apart."""

    shown: list[str]
    others: list[list[str]]


def parsed(line: str) -> Words:
    parts = [word.split("|") for word in line.split()]
    return Words([part[0] for part in parts], [part[1:] for part in parts])


def create_reviewer(collection: Collection, *, username: str = "") -> User:
    user = create_user(username=username)
    create_membership(collection=collection, role=Role.REVIEWER, user=user)
    return user


def create_written_page(
    *, collection: Collection | None = None, text: list[str] | None = None, confidence: float = 0.4, image: bool = True
) -> Page:
    """A page of ``text`` in review. Without ``image`` it has no pyramid."""
    collection = collection or create_collection(guidelines="Keep the spelling.\n\nMark doubt with [?].")
    document = create_document(collection=collection)
    page = create_page(document=document, state=PageState.IN_REVIEW, width=WIDTH, height=HEIGHT, confidence=confidence)
    page.layout = Layout.objects.create(page=page, version=1, source="test")
    page.save(update_fields=["layout"])
    run = create_run(page=page, profile_version=create_profile_version(passes=PASSES))
    lines = [parsed(line) for line in (TEXT if text is None else text)]
    font = ImageFont.load_default(size=SIZE)
    picture = Image.new("L", (WIDTH, HEIGHT), 236)
    draw = ImageDraw.Draw(picture)
    passes = list(run.profile_version.stage_passes.select_related("pass_version").order_by("position"))
    for number, words in enumerate(lines):
        bottom = 150 + number * LEADING
        sentence = " ".join(words.shown)
        draw.text((LEFT, bottom), sentence, fill=40, font=font, anchor="ls")
        right = LEFT + font.getlength(sentence)
        line = place_line(page.layout, number + 1, bottom, right)
        create_vote(run=run, line=line, words=_voted(words, font, right))
        for stage_pass in passes:
            record = ReadingRecord(line.pk, sentence, (0.9,) * len(sentence))
            Reading.from_record(record, run_id=run.pk, pass_version_id=stage_pass.pass_version_id).save()
    RouteDecision.objects.create(
        page=page, run=run, outcome="review", confidence=confidence, threshold=0.5, reasons=["low-confidence"]
    )
    weigh([page.pk])
    if image:
        _store(page, picture)
    return page


def place_line(layout: Layout, position: int, bottom: int, right: float) -> Line:
    line = Line.objects.create(page=layout.page)
    end = int(right) + 6
    LayoutLine.objects.create(
        layout=layout,
        line=line,
        position=position,
        baseline=[[LEFT, bottom], [end, bottom]],
        polygon=[[LEFT - 6, bottom - 46], [end, bottom - 46], [end, bottom + 14], [LEFT - 6, bottom + 14]],
    )
    return line


def _voted(words: Words, font: Any, right: float) -> list[dict[str, Any]]:
    """The words of a line as a vote keeps them; spans are shares of the line's crop, its 8 % margin included."""
    margin = 0.08 * 60
    low, width = LEFT - 6 - margin, right - LEFT + 12 + 2 * margin
    rows = []
    for number, (shown, others) in enumerate(zip(words.shown, words.others, strict=True)):
        start = LEFT + font.getlength(" ".join([*words.shown[:number], ""]))
        span = [(start - low) / width, (start + font.getlength(shown) - low) / width]
        confidence = 0.35 if others else 0.96
        rows.append(
            {
                "text": shown,
                "confidence": confidence,
                "score": confidence,
                "support": 1.0,
                "span": [round(edge, 4) for edge in span],
                "passes": PASSES[:1] if others else PASSES,
                "alternatives": [
                    {"text": other, "support": 0.5, "passes": PASSES[1 + k :]} for k, other in enumerate(others)
                ],
            }
        )
    return rows


def _store(page: Page, picture: Image.Image) -> None:
    folder = Path(settings.MEDIA_ROOT) / "derivatives"
    folder.mkdir(parents=True, exist_ok=True)
    image = pyvips.Image.new_from_memory(picture.tobytes(), WIDTH, HEIGHT, 1, "uchar")
    write_pyramid(image, folder / f"{page.pk}.tif")
    write_thumbnail(image, folder / f"{page.pk}.jpg")
    page.pyramid, page.thumbnail = f"derivatives/{page.pk}.tif", f"derivatives/{page.pk}.jpg"
    page.save(update_fields=["pyramid", "thumbnail"])
