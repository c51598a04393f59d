"""Collections whose pages people have read whole, with words that are right or wrong in a way of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from django.utils import timezone

from tests.factories import create_document, create_layout, create_page, create_revision, create_run, create_vote, word
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import FEATURES
from transcription.models import Collection, Page, PageState, ProfileVersion, Source

Chance = Callable[[np.ndarray], np.ndarray]  # features (N, F) → P(right), (N,)


def read_whole(
    collection: Collection,
    version: ProfileVersion,
    chance: Chance,
    *,
    calibration: Calibration,
    documents: int = 6,
    pages: int = 4,
    lines: int = 6,
    words: int = 13,
    seed: int = 0,
) -> list[Page]:
    """Pages read with ``version``, then by a person, who found words right with their ``chance``."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(documents):
        document = create_document(collection=collection)
        for _ in range(pages):
            page = create_page(document=document, state=PageState.IN_REVIEW)
            create_layout(page=page, lines=lines)
            run = create_run(page=page, profile_version=version)
            for line in page.lines.order_by("pk"):
                features = drawn_features(rng, words)
                right = rng.random(words) < chance(features)
                voted = [
                    word(f"word{k}", round(float(calibration.apply(row)[0]), 4)) | {"features": row.tolist()}
                    for k, row in enumerate(features)
                ]
                vote = create_vote(run=run, line=line, words=voted)
                vote.calibration = calibration.id
                vote.save()
                truth = " ".join(f"word{k}" if ok else f"ward{k}" for k, ok in enumerate(right.tolist()))
                if truth != vote.text:
                    create_revision(line=line, text=truth, source=Source.PERSON)
            page.state, page.approved_at, page.approved_whole = PageState.REVIEWED, timezone.now(), True
            page.save()
            made.append(page)
    return made


def drawn_features(rng: np.random.Generator, count: int) -> np.ndarray:
    """Features of words such as the bundled passes give, (count, F)."""
    table = np.zeros((count, len(FEATURES)))
    values = {
        "min_char": rng.normal(2.6, 1.8, count),
        "mean_char": rng.normal(3.4, 1.4, count),
        "support": np.ones(count),
        "margin": np.ones(count),
        "votes": np.full(count, 0.42),
        "agreement": rng.uniform(0.8, 1.0, count),
        "length": rng.normal(1.3, 0.6, count),
        "letters": np.ones(count),
        "belief": rng.uniform(0.2, 1.0, count),
        "known": rng.integers(0, 2, count).astype(float),
    }
    for name, column in values.items():
        table[:, FEATURES.index(name)] = column
    return table.round(4)
