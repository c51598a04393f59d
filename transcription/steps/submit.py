"""Take a document that a program submits: stored by the door of all uploads, then read before what waits in bulk."""

from __future__ import annotations

import uuid
from typing import BinaryIO

from django.contrib.auth.models import User
from django.db import transaction

from transcription.errors import BadInput, Conflict
from transcription.formats.kinds import safe_name
from transcription.models import Collection, Document, Inbox, Job, JobState, Lane, Profile, Token, Upload, Webhook
from transcription.steps.create import create_collection
from transcription.steps.profile_history import shared_profiles
from transcription.steps.profiles import BUNDLED
from transcription.steps.store import receive_file

# Of one user; who submits more at once has bulk work, and would keep everybody else's waiting.
INTERACTIVE_JOBS = 20


def submit_document(
    *,
    token: Token,
    collection: Collection,
    name: str,
    stream: BinaryIO,
    document: str = "",
    reference: str = "",
    profile: Profile | None = None,
    webhook: Webhook | None = None,
    keep_duplicate: bool = True,
) -> Job:
    """Store one image or PDF and follow it as a job; both are committed when this returns, or neither is.

    ``document`` is the title of the document that its pages are added to; empty: one of its own. Raises BadInput for
    what is refused at the door, Conflict for bytes that the collection holds already unless they are kept twice.
    """
    job = Job(token=token, user_id=token.user_id, collection=collection)
    with transaction.atomic():
        received = receive_file(
            collection=collection,
            upload=Upload.objects.create(collection=collection, uploader_id=token.user_id),
            name=name,
            stream=stream,
            document_title=document or _own_title(collection, safe_name(name), job.pk),
            keep_duplicate=keep_duplicate,
            lane=_lane(token),
        )
        if received.original is None:
            raise Conflict(
                f"The collection holds the same scan already, as “{received.duplicate_of}”. Submit it with "
                "duplicate=keep to have it read once more.",
                code="duplicate",
            )
        job.original = received.original
        job.reference, job.profile, job.webhook = reference, profile, webhook
        job.save(force_insert=True)
    return job


def _lane(token: Token) -> Lane:
    waiting = Job.objects.filter(user=token.user_id, state=JobState.OPEN).count()
    return Lane.INTERACTIVE if waiting < INTERACTIVE_JOBS else Lane.BULK


def _own_title(collection: Collection, name: str, job: uuid.UUID) -> str:
    """The file's name, told from others of it: files of one name are sent by programs all the time."""
    if not Document.objects.filter(collection=collection, title=name).exists():
        return name
    return f"{name[:230]} · {job.hex[:8]}"


def inbox_of(user: User) -> Collection:
    """The private collection for what ``user`` submits without naming one; made when it is first needed."""
    inbox = Inbox.objects.select_related("collection").filter(user=user).first()
    if inbox is not None:
        return inbox.collection
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two first submissions make one
        inbox = Inbox.objects.select_related("collection").filter(user=user).first()
        if inbox is None:
            collection = create_collection(title=f"Submitted by {user.get_username()}", owner=user)
            inbox = Inbox.objects.create(user=user, collection=collection)
    return inbox.collection


def profile_named(name: str) -> Profile:
    """The bundled or shared profile of that name. Raises BadInput where there is none."""
    if name in BUNDLED:
        return Profile.objects.get_or_create(name=name)[0]
    found = shared_profiles().filter(name__iexact=name).first()
    if found is None:
        known = ", ".join([*BUNDLED, *shared_profiles().values_list("name", flat=True)[:20]])
        raise BadInput(f"There is no profile “{name}”. There are: {known}.", code="unknown-profile")
    return found
