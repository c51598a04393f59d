"""Whether Longhand is well: for load balancers, and for the person who runs it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from transcription.models import Failure, Original, Queue, Work, Worker, WorkState
from transcription.steps.progress import ALIVE_FOR
from transcription.views.access import SignedInRequest, signed_in

TROUBLE_SHOWN = 50


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process can reach the database, 503 else. Says nothing about workers: they are not the web."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok"})


@require_GET
@never_cache
@signed_in
def status(request: SignedInRequest) -> HttpResponse:
    """Disk, database, queues and workers; for superusers."""
    if not request.user.is_superuser:
        raise Http404
    now = timezone.now()
    disk = shutil.disk_usage(settings.DATA)
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        version, size = cursor.fetchone()
    workers = Worker.objects.filter(seen_at__gt=now - timedelta(days=1)).order_by("queue", "name")
    queues = _queues()
    context = {
        "section": "status",
        "disk": disk,
        "disk_share": disk.used / disk.total,
        "database_version": version,
        "database_size": size,
        "pending": [f"{migration.app_label}.{migration.name}" for migration, _backwards in pending],
        "workers": [(worker, (now - worker.seen_at).total_seconds()) for worker in workers],
        "alive_for": ALIVE_FOR.total_seconds(),
        "queues": [(queue, queues.get(queue.value)) for queue in Queue],
        "originals_in_trouble": Original.objects.in_trouble().select_related("collection")[:TROUBLE_SHOWN],
        "failures": Failure.objects.open().count(),
        "expired": Work.objects.filter(state=WorkState.RUNNING, lease_until__lt=now).count(),
    }
    return render(request, "transcription/status.html", context)


def _queues() -> dict[str, dict[str, Any]]:
    waiting = Work.objects.filter(state=WorkState.QUEUED).order_by().values("queue")
    counted = waiting.annotate(count=Count("pk"), oldest=Min("created_at"))
    return {row["queue"]: {"count": row["count"], "oldest": row["oldest"]} for row in counted}
