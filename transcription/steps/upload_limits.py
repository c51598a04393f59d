"""What a person may bring into a collection: by their role in it, by its own limits, by the installation's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.formats.limits import Limits
from transcription.models import Collection, Membership, Original, Role, UploadLimit

MEGABYTE = 2**20
_DECODER = Limits()


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The most there may be of each: bytes of a file, pages of a document, pixels of a page, files in an archive and
    bytes they unpack to."""

    file_bytes: int
    document_pages: int
    pixels: int
    archive_entries: int
    archive_bytes: int

    @property
    def decoder(self) -> Limits:
        """What the decoder of one file may use."""
        return Limits(
            max_frames=min(settings.MAX_PAGES, self.document_pages),
            max_pixels=self.pixels,
            max_side=settings.MAX_SIDE,
            max_entries=self.archive_entries,
            max_entry_bytes=self.file_bytes,
            max_expansion=self.archive_bytes,
        )


def limits_of_installation() -> UploadLimits:
    return UploadLimits(
        file_bytes=settings.MAX_FILE_BYTES,
        document_pages=settings.MAX_DOCUMENT_PAGES,
        pixels=settings.MAX_PIXELS,
        archive_entries=_DECODER.max_entries,
        archive_bytes=_DECODER.max_expansion,
    )


def limits_of(collection: Collection, user: AbstractBaseUser | None) -> UploadLimits:
    """The limits of ``user`` in ``collection``; those of the installation for nobody (a command) and for superusers.

    Those of the collection go before those of all collections; none exceeds the installation's.
    """
    most = limits_of_installation()
    if user is None or getattr(user, "is_superuser", False):
        return most
    held = Membership.objects.filter(collection=collection, user_id=user.pk).values("role")[:1]
    rows = UploadLimit.objects.filter(
        Q(collection=collection) | Q(collection=None), role=Coalesce(Subquery(held), Value(str(Role.STAFF)))
    )
    return _narrowed(most, list(rows.order_by(F("collection").asc(nulls_last=True))))


def limits_of_original(original: Original) -> UploadLimits:
    """The limits of whoever brought it."""
    uploader = original.upload.uploader if original.upload else None
    return limits_of(original.collection, uploader)


def _narrowed(most: UploadLimits, rows: Sequence[UploadLimit]) -> UploadLimits:
    def least(ceiling: int, field: str, unit: int = 1) -> int:
        said = next((value for row in rows if (value := getattr(row, field)) is not None), None)
        return ceiling if said is None else min(ceiling, said * unit)

    return UploadLimits(
        file_bytes=least(most.file_bytes, "file_mb", MEGABYTE),
        document_pages=least(most.document_pages, "document_pages"),
        pixels=least(most.pixels, "megapixels", 1_000_000),
        archive_entries=least(most.archive_entries, "archive_entries"),
        archive_bytes=least(most.archive_bytes, "archive_mb", MEGABYTE),
    )


def check_size(name: str, size: int, limits: UploadLimits) -> None:
    """Raise BadInput for a file of ``size`` bytes that is not to be received at all."""
    if size <= 0:
        raise BadInput(_("“%(name)s” is empty (0 bytes). Copy or scan it again.") % {"name": name}, code="empty")
    if size > limits.file_bytes:
        raise too_large(name, limits)


def too_large(name: str, limits: UploadLimits) -> BadInput:
    sentence = _("“%(name)s” is larger than %(limit)d MB. Split it, or ask your administrator to raise the limit.")
    return BadInput(sentence % {"name": name, "limit": limits.file_bytes // MEGABYTE}, code="too-large")


def too_many_pages(name: str, document: str, limits: UploadLimits) -> BadInput:
    sentence = _(
        "“%(name)s” does not fit into “%(document)s”: a document may hold %(limit)d pages. Put it into another folder, "
        "or ask your administrator to raise the limit."
    )
    values = {"name": name, "document": document, "limit": limits.document_pages}
    return BadInput(sentence % values, code="too-many-pages")
