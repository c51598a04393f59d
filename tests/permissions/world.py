"""One collection with everything in it that a route may be about, and a client for each kind of person.

A route's arguments come from the words before them in its path: ``collections/<int:pk>`` is the collection's, and
``audits/lines/<int:pk>`` goes before ``lines/<int:pk>``. To test a route about something else, give its word a row in
`nouns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyvips
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.invitations import invite
from review.models import Comment, Thread
from tests.factories import (
    create_collection,
    create_document,
    create_failure,
    create_imported_transcript,
    create_layout,
    create_membership,
    create_original,
    create_page,
    create_run,
    create_term,
    create_trial,
    create_upload,
    create_user,
    create_vote,
    word,
)
from tests.permissions.routes import Route
from transcription.formats.pyramid_writer import write_pyramid
from transcription.models import (
    Audit,
    AuditLine,
    Collection,
    Delivery,
    DisplacedText,
    Export,
    Job,
    Page,
    PageState,
    Queue,
    Replacement,
    Role,
    Scope,
    Takedown,
    Token,
    Webhook,
)
from transcription.steps.tokens import Issued, issue_token, revoke_token
from transcription.steps.workers import report_sweeper, report_worker

# Stands in everything of the collection that a person may read: whoever has no business in it must never get to see it.
SECRET = "Quillfeather"
ONE_DAY = timedelta(days=1)
FILES = ("thumbnails/secret.jpg", "exports/secret.zip")


@dataclass(frozen=True)
class World:
    collection: Collection
    page: Page
    nouns: dict[str, object]
    clients: dict[str, Client]

    def arguments(self, route: Route) -> dict[str, object]:
        """Raises KeyError with the word that `nouns` lacks."""
        own = OF_ROUTE.get(route.name, {})
        return {name: own[name] if name in own else self._value(name, noun) for name, noun in route.arguments}

    def _value(self, name: str, noun: str) -> object:
        if name in NAMED:
            return NAMED[name]
        words = noun.split("/")
        for start in range(len(words)):
            if (key := "/".join(words[start:])) in self.nouns:
                return self.nouns[key]
        raise KeyError(words[-1])


# Arguments that are no rows, of all routes and of one.
OF_ROUTE: dict[str, dict[str, object]] = {"reports:section": {"name": "progress"}}
NAMED: dict[str, object] = {
    **dict.fromkeys(("level", "column", "row", "index"), 0),
    "number": 1,
    "action": "pause",
    "work": "type",
    "name": "states",
    "act": "unlock",
    "uidb36": "1",
    "key": "no-such-key",
    "provider_id": "none",
    "section": "progress",
    "region": "full",
    "size": "max",
    "rotation": 0,
    "last": "default.jpg",
}


def build_world() -> World:
    collection = create_collection(title=f"{SECRET} minutes")
    # Before the export, which it else would withhold.
    stone = Takedown.objects.create(
        collection=collection, title="Page 7", reason="Asked for.", pages=0, restorable_until=timezone.now() + ONE_DAY
    )
    document = create_document(collection=collection, title=f"{SECRET} box")
    original = create_original(document=document, name=f"{SECRET}.jpg")
    page = create_page(
        document=document,
        original=original,
        state=PageState.IN_REVIEW,
        confidence=0.4,
        pyramid="derivatives/secret.tif",
        thumbnail=FILES[0],
    )
    for name in (*FILES, original.file, page.pyramid):
        default_storage.save(name, ContentFile(b"bytes"))
    assert page.width is not None
    assert page.height is not None
    write_pyramid(pyvips.Image.black(page.width, page.height) + 200, Path(settings.MEDIA_ROOT) / page.pyramid)
    layout = create_layout(page=page)
    run = create_run(page=page)
    places = list(layout.places.all())
    votes = [create_vote(run=run, line=place.line, words=[word(SECRET, 0.4, "Quill")]) for place in places]
    line, vote = places[0].line, votes[0]
    line.refresh_from_db()
    assert line.current is not None
    audit = Audit.objects.create(
        collection=collection, page=page, run=run, kind=Audit.Kind.MACHINE, seed=1, confidence=0.4, size=20
    )
    drawn = AuditLine.objects.create(audit=audit, line=line, vote=vote, position=1, size=12, text=SECRET)
    export = Export.objects.create(collection=collection, format="txt", state=Export.State.DONE, file=FILES[1])
    replacement = Replacement.objects.create(
        collection=collection,
        find=SECRET,
        as_of=line.current.pk,
        planned_places=0,
        planned_lines=0,
        planned_pages=0,
        state=Replacement.State.DONE,
    )
    displaced = DisplacedText.objects.create(page=page, layout=layout, line=line, revision=line.current)
    thread = Thread.objects.create(page=page, line=line)
    Comment.objects.create(thread=thread, text=f"Is this {SECRET}?", author=create_user())
    nouns: dict[str, Any] = {
        "collections": collection.pk,
        "pages": page.pk,
        "lines": line.pk,
        "originals": original.pk,
        "uploads": create_upload(collection=collection).pk,
        "exports": export.pk,
        "failures": create_failure(collection=collection, page=page, message=f"{SECRET} is damaged.").pk,
        "members": create_membership(collection=collection, role=Role.STAFF).pk,
        "terms": create_term(collection=collection, text=SECRET).pk,
        "transcripts": create_imported_transcript(page=page, text=SECRET, name=f"{SECRET}.txt").pk,
        "trials": create_trial(collection=collection).pk,
        "profiles": 0,  # named profiles are their owner's alone: test_passes
        "audits/lines": drawn.pk,
        "displaced": displaced.pk,
        "replacements": replacement.pk,
        "takedowns": stone.pk,
        "people": create_user(username=f"{SECRET}-reader").pk,
        "people/invitations": invite(
            inviter=create_user(), roles={collection: Role.STAFF}, email=f"{SECRET}@example.org"
        )[0].pk,
        "keys": 0,  # passkeys are their owner's alone
        "notifications": 0,  # so are notifications
        "files": UUID(int=0),  # being received: whoever may see the upload may send more of it
        "comments": thread.pk,
    }
    report_sweeper()
    for queue in Queue:
        report_worker(name=f"worker-{queue.value}", queue=queue.value, engine_digests=[])
    clients, owner = _clients(collection)
    webhook = Webhook.objects.create(user=owner, url="https://example.org/hook")
    job = Job.objects.create(user=owner, collection=collection, original=original)
    nouns |= {
        "documents": document.pk,
        "iiif/3": page.pk,
        "webhooks": webhook.pk,
        "deliveries": Delivery.objects.create(webhook=webhook, event="job.done", body="{}").pk,
        "jobs": job.pk,
        "tokens": Token.objects.filter(user=owner)[0].pk,
    }
    return World(collection, page, nouns, clients)


def _clients(collection: Collection) -> tuple[dict[str, Client], User]:
    """Clients that are logged in and send a token that may do everything its user may; and the admin, who owns what
    belongs to one person."""
    people = {"stranger": create_user(), "superuser": create_user(superuser=True)}
    people |= {role.value: create_membership(collection=collection, role=role).user for role in Role}
    clients = {"anonymous": Client(), "revoked": _revoked(people["admin"])}
    for name, user in people.items():
        clients[name] = _with_token(issue_token(user=user, name=name, scopes=list(Scope)))
        clients[name].force_login(user)
    return clients, people["admin"]


def _with_token(issued: Issued) -> Client:
    return Client(headers={"Authorization": f"Bearer {issued.secret}"})


def _revoked(user: User) -> Client:
    """Whoever sends an admin's token that was revoked."""
    issued = issue_token(user=user, name="revoked", scopes=list(Scope))
    revoke_token(issued.token)
    return _with_token(issued)
