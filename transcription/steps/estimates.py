"""What reading pages with some passes is going to take, by what engines took lately on this installation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from transcription.models import (
    Collection,
    LayoutLine,
    Line,
    Page,
    PassVersion,
    Queue,
    Source,
    Step,
    Vote,
    Work,
    Worker,
    WorkState,
)
from transcription.steps.budgets import Estimate, PassEstimate, pass_estimate, standings
from transcription.steps.choose_passes import Choice
from transcription.steps.dispatch import PRINT, PRINT_ONLY
from transcription.steps.profiles import PassRecipe, registry
from transcription.steps.progress import ALIVE_FOR

MEASURED_OVER = 200  # the last readings of pages by a pass
JUDGED_BY = 200  # pages whose votes say how many lines stay doubtful


@dataclass(frozen=True, slots=True)
class ReadingEstimate:
    """``lines`` are read by the first stage, ``later`` holds how many each later stage is expected to get.

    ``seconds`` is the time of one worker; None where a pass was never measured here: ``unmeasured`` names those.
    ``typed_lines`` have a person's text, which stays. ``paid`` is what endpoints are going to use; ``over_budget``:
    that is more than some cap of the collection has left.
    """

    pages: int
    lines: int
    later: tuple[int, ...]
    seconds: int | None
    unmeasured: tuple[str, ...]
    workers: int
    typed_lines: int
    paid: Estimate
    over_budget: bool


def estimate_reading(collection: Collection, choice: Choice, pages: QuerySet[Page]) -> ReadingEstimate:
    """What it takes to read ``pages`` of ``collection``. As many lines are taken to stay doubtful after a stage as
    their present votes say; all of them where there are none."""
    page_count = pages.count()
    places = LayoutLine.objects.filter(layout__in=pages.order_by().values("layout"))
    counts = places.aggregate(all=Count("pk"), printed=Count("pk", filter=Q(production__in=PRINT)))
    shares = [
        1.0,
        *(_share_below(pages, min(choice.thresholds[: stage + 1])) for stage in range(len(choice.thresholds))),
    ]
    readers = registry().readers()
    seconds, unmeasured, paid = 0.0, list[str](), list[PassEstimate]()
    for stage, share in zip(choice.recipes, shares, strict=True):
        for each in stage:
            lines = round(share * (counts["printed"] if readers.get(each.engine) == PRINT_ONLY else counts["all"]))
            took = milliseconds_a_line(each)
            if took is None and lines:
                unmeasured.append(each.name)
            seconds += (took or 0.0) * lines / 1000
            if each.engine in settings.ENDPOINTS:
                paid.append(pass_estimate(collection, each.engine, page_count, lines))
    priced = Estimate(page_count, tuple(paid))
    return ReadingEstimate(
        pages=page_count,
        lines=counts["all"],
        later=tuple(round(share * counts["all"]) for share in shares[1:]),
        seconds=None if unmeasured else math.ceil(seconds),
        unmeasured=tuple(unmeasured),
        workers=Worker.objects.filter(queue=Queue.ENGINE, seen_at__gt=Now() - ALIVE_FOR).count(),
        typed_lines=Line.objects.filter(page__in=pages, current__source=Source.PERSON).count(),
        paid=priced,
        over_budget=_is_over_budget(collection, priced),
    )


def milliseconds_a_line(recipe: PassRecipe) -> float | None:
    """What a pass took for a line lately, the cutting and enhancing of lines included; what its engine took through
    other enhancements where the pass has read too little, None where that has not read here either."""
    of_engine = PassVersion.objects.filter(engine=recipe.engine)
    exactly = of_engine.filter(recipe=recipe.recipe, recipe_options=recipe.options)
    for versions in (exactly, of_engine):
        done = Work.objects.filter(step=Step.RECOGNIZE, state=WorkState.DONE, pass_version__in=versions)
        last = list(done.order_by("-pk").values_list("lines", "run__layout", "milliseconds")[:MEASURED_OVER])
        whole = {layout for lines, layout, _ in last if lines is None}
        counted = LayoutLine.objects.filter(layout__in=whole).order_by().values_list("layout").annotate(Count("pk"))
        lengths: dict[int | None, int] = dict(counted)
        read = sum(lengths.get(layout, 0) if lines is None else len(lines) for lines, layout, _ in last)
        took = sum(milliseconds for _, _, milliseconds in last)
        if read and took:
            return took / read
    return None


def _share_below(pages: QuerySet[Page], threshold: float) -> float:
    runs = list(pages.order_by("-pk").exclude(run=None).values_list("run", flat=True)[:JUDGED_BY])
    votes = Vote.objects.filter(run__in=runs).order_by("run", "line", "-stage").distinct("run", "line")
    last = list(votes.values_list("confidence", flat=True))
    return sum((each or 0.0) < threshold for each in last) / len(last) if last else 1.0


def _is_over_budget(collection: Collection, paid: Estimate) -> bool:
    return any(
        (each.tokens_left is not None and each.tokens_left < paid.tokens)
        or (each.money_left is not None and each.money_left < paid.money)
        for each in standings(collection=collection)
    )
