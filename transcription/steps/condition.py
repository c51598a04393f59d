"""How Longhand is: one finding for each part that can go wrong, with a sentence and the next step.

Nothing here may hang: what does not answer within seconds is a finding too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.db.models.functions import Now
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transcription.models import Failure, Original, Queue, Takedown, Work, Worker, WorkState
from transcription.steps.progress import ALIVE_FOR
from transcription.steps.workers import SWEEPER, missing_weights

Figure = int | float | str | None
BROKER_SECONDS = 2.0
DISK_WARNING, DISK_ALARM = 0.85, 0.95  # shares used
WAIT_WARNING, WAIT_ALARM = timedelta(hours=1), timedelta(hours=12)
SWEEPER_ALARM = timedelta(minutes=2)


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Finding:
    """``name`` is stable, for monitoring; ``step`` is what to do, empty where nothing need be done."""

    name: str
    title: str
    level: Level
    said: str
    step: str = ""
    figures: dict[str, Figure] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def findings() -> list[Finding]:
    """Everything that is looked at, in a fixed order."""
    return [finding for check in CHECKS for finding in check()]


def worst(found: Iterable[Finding]) -> Level:
    order = list(Level)
    return max((finding.level for finding in found), key=order.index, default=Level.OK)


def database() -> Iterable[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()), "
            "(SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::int"
        )
        version, size, used, most = cursor.fetchone()
    crowded = used > 0.9 * most
    yield Finding(
        "database",
        _("PostgreSQL"),
        Level.WARNING if crowded else Level.OK,
        _("Version %(version)s, %(size)s, %(used)d of %(most)d connections.")
        % {"version": version, "size": filesizeformat(size), "used": used, "most": most},
        _("Raise max_connections, or start fewer web threads and workers.") if crowded else "",
        {"bytes": size, "connections": used, "most_connections": most},
    )


def migrations() -> Iterable[Finding]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in pending)
    yield Finding(
        "migrations",
        _("Migrations"),
        Level.ALARM if pending else Level.OK,
        _("Not applied: %(names)s.") % {"names": names} if pending else _("All applied."),
        _("Run manage.py migrate, then start all processes again.") if pending else "",
        {"pending": len(pending)},
    )


def broker() -> Iterable[Finding]:
    title = _("Broker")
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
        ) as client:
            said = client.info()
    except (redis.RedisError, OSError):
        yield Finding(
            "broker",
            title,
            Level.ALARM,
            _("The broker does not answer. Nothing is lost: work waits in the database."),
            _("Start Redis or Valkey again; workers go on by themselves."),
        )
        return
    evicted = int(said.get("evicted_keys", 0))
    version = said.get("valkey_version") or said.get("redis_version", "")
    yield Finding(
        "broker",
        title,
        Level.WARNING if evicted else Level.OK,
        _("Version %(version)s answers.") % {"version": version}
        if not evicted
        else _("It has thrown away %(count)d keys for want of memory: work is only begun late.") % {"count": evicted},
        _("Set maxmemory-policy to noeviction, and give it more memory.") if evicted else "",
        {"evicted": evicted, "bytes": int(said.get("used_memory", 0))},
    )


def disk() -> Iterable[Finding]:
    usage = shutil.disk_usage(settings.DATA)
    share = usage.used / usage.total
    level = Level.ALARM if share > DISK_ALARM else Level.WARNING if share > DISK_WARNING else Level.OK
    yield Finding(
        "disk",
        _("Disk"),
        level,
        _("%(free)s of %(total)s are free.")
        % {"free": filesizeformat(usage.free), "total": filesizeformat(usage.total)},
        _("Make room, or move the media to a larger disk or a bucket; uploads are refused when it is full.")
        if level != Level.OK
        else "",
        {"free": usage.free, "total": usage.total, "used_share": round(share, 4)},
    )


def workers() -> Iterable[Finding]:
    """One finding a queue: no worker is an alarm only while work waits for one."""
    alive = Worker.objects.filter(seen_at__gt=Now() - ALIVE_FOR)
    counted = dict(alive.order_by().values_list("queue").annotate(Count("pk")))
    waiting = dict(Work.objects.filter(state=WorkState.QUEUED).order_by().values_list("queue").annotate(Count("pk")))
    for queue in Queue:
        count = counted.get(queue.value, 0)
        level = Level.OK if count else Level.ALARM if waiting.get(queue.value) else Level.WARNING
        yield Finding(
            f"workers-{queue.value}",
            _("Workers: %(queue)s") % {"queue": queue.label},
            level,
            ngettext("%(count)d is alive.", "%(count)d are alive.", count) % {"count": count}
            if count
            else _("None was seen for a minute. Nothing is lost."),
            "" if count else _("Start one (make run, or systemctl start longhand-worker@…), and read its log."),
            {"alive": count},
        )


def queues() -> Iterable[Finding]:
    waiting = Work.objects.filter(state=WorkState.QUEUED, collection__state="active").order_by().values("queue")
    rows: dict[str, Any] = {row["queue"]: row for row in waiting.annotate(count=Count("pk"), oldest=Min("created_at"))}
    for queue in Queue:
        row = rows.get(queue.value, {"count": 0, "oldest": None})
        waited = timezone.now() - row["oldest"] if row["oldest"] else timedelta(0)
        level = Level.ALARM if waited > WAIT_ALARM else Level.WARNING if waited > WAIT_WARNING else Level.OK
        yield Finding(
            f"queue-{queue.value}",
            _("Queue: %(queue)s") % {"queue": queue.label},
            level,
            _("%(count)d wait; the oldest for %(minutes)d minutes.")
            % {"count": row["count"], "minutes": waited.total_seconds() // 60}
            if row["count"]
            else _("Nothing waits."),
            _("Start more workers, or pause what can wait.") if level != Level.OK else "",
            {"waiting": row["count"], "oldest_seconds": round(waited.total_seconds())},
        )


def sweeper() -> Iterable[Finding]:
    seen = Worker.objects.filter(name=SWEEPER).values_list("seen_at", flat=True).first()
    silent = timezone.now() - seen if seen else None
    lost = Work.objects.filter(state=WorkState.RUNNING, lease_until__lt=Now()).count()
    late = Takedown.objects.overdue().filter(restorable_until__lt=Now() - timedelta(days=1)).count()
    away = silent is None or silent > SWEEPER_ALARM
    if away:
        said = _("It was not heard of for two minutes: lost work is not begun again, lost rings are not repeated.")
    elif lost or late:
        said = _("It runs; %(lost)d leases and %(late)d take-downs wait for it.") % {"lost": lost, "late": late}
    else:
        said = _("It runs, and nothing waits for it.")
    yield Finding(
        "sweeper",
        _("Sweeper"),
        Level.ALARM if away else Level.WARNING if late else Level.OK,
        said,
        _("Start manage.py sweep (systemctl start longhand-sweep).") if away else "",
        {
            "silent_seconds": round(silent.total_seconds()) if silent is not None else None,
            "expired_leases": lost,
            "overdue_takedowns": late,
        },
    )


def models() -> Iterable[Finding]:
    missing = missing_weights()
    yield Finding(
        "models",
        _("Models"),
        Level.WARNING if missing else Level.OK,
        _("Weights are missing for: %(names)s.") % {"names": ", ".join(missing)}
        if missing
        else _("The weights of every engine are in their place."),
        _("Fetch them again with manage.py models, or take the engine out of the profiles.") if missing else "",
        {"missing": len(missing)},
    )


def failures() -> Iterable[Finding]:
    count = Failure.objects.open().count()
    yield Finding(
        "failures",
        _("Failures"),
        Level.WARNING if count else Level.OK,
        ngettext("%(count)d step was given up.", "%(count)d steps were given up.", count) % {"count": count}
        if count
        else _("None is open."),
        _("Read why, and retry what can succeed.") if count else "",
        {"open": count},
    )


def originals() -> Iterable[Finding]:
    count = Original.objects.shown().in_trouble().count()
    yield Finding(
        "originals",
        _("Originals"),
        Level.ALARM if count else Level.OK,
        ngettext(
            "%(count)d stored file is not what was received.",
            "%(count)d stored files are not what was received.",
            count,
        )
        % {"count": count}
        if count
        else _("What was looked at is what was received."),
        _("Restore them from a backup; they are listed below.") if count else "",
        {"in_trouble": count},
    )


# A part that Longhand learns to look at is one more of these.
CHECKS: list[Callable[[], Iterable[Finding]]] = [
    database,
    migrations,
    broker,
    disk,
    workers,
    queues,
    sweeper,
    models,
    failures,
    originals,
]
