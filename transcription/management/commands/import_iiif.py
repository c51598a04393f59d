"""`manage.py import_iiif URL … --collection NAME [--wait]`: documents from IIIF manifests, by the same door as the
screen's; workers fetch them."""

from __future__ import annotations

import json

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import BadInput
from transcription.management.collections import (
    add_collection_arguments,
    collection_called,
    wait_until_read,
    who_sees,
)
from transcription.models import Failure, Manifest
from transcription.steps.fetch_manifest import ask_for_manifest


class Command(BaseCommand):
    help = "Have the images of IIIF manifests (Presentation API 2 and 3) fetched into a collection. Prints JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("urls", nargs="+", metavar="URL")
        add_collection_arguments(parser)

    def handle(
        self, *, urls: list[str], collection: str, owner: str | None, wait: bool, seconds: float, **_: object
    ) -> None:
        target = collection_called(collection, owner)
        user = User.objects.filter(username=owner).first() if owner else None
        asked: list[Manifest] = []
        try:
            asked += [ask_for_manifest(collection=target, url=url, user=user) for url in urls]
        except BadInput as error:
            raise CommandError(error.message) from error
        if wait:
            wait_until_read(target, seconds, self.stderr.write)
        self.stdout.write(json.dumps([_report(each) for each in asked], ensure_ascii=False, indent=2))
        self.stderr.write(who_sees(target))


def _report(manifest: Manifest) -> dict[str, object]:
    manifest.refresh_from_db()
    failures = Failure.objects.open().filter(work__manifest=manifest)
    return {
        "url": manifest.url,
        "label": manifest.label,
        "rights": manifest.rights,
        "state": manifest.state,
        "images": len(manifest.canvases),
        "stored": manifest.upload.originals.count(),
        "failures": list(failures.values_list("message", flat=True)),
    }
