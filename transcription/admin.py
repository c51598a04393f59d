"""Django's own administration, for looking closely. What steps alone may write is read-only here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from transcription.models import (
    Collection,
    Document,
    Export,
    Failure,
    Layout,
    Membership,
    Original,
    Page,
    PassVersion,
    Profile,
    ProfileVersion,
    Reading,
    RouteDecision,
    Run,
    StagePass,
    Term,
    TranscriptRevision,
    Upload,
    Vocabulary,
    Vote,
    Work,
    Worker,
)

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    StagePassBase = admin.TabularInline[StagePass, ProfileVersion]
    MembershipBase = admin.TabularInline[Membership, Collection]
else:
    Base = admin.ModelAdmin
    StagePassBase = MembershipBase = admin.TabularInline


class ReadOnly:
    """No adding, no changing, no deleting: append-only rows, and rows whose changes are steps."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Memberships(MembershipBase):
    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Collection)
class CollectionAdmin(Base):
    list_display = ["title", "identifier", "state", "is_sample", "created_at"]
    list_filter = ["state", "is_sample"]
    search_fields = ["title", "identifier"]
    readonly_fields = ["state", "is_sample", "created_at", "served_at"]
    inlines = [Memberships]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # its files would stay behind


class LookedAt(ReadOnly, Base):
    """Rows without end: no counting of all of them, no drop-down lists of other tables."""

    show_full_result_count = False
    list_per_page = 50


@admin.register(Document)
class DocumentAdmin(LookedAt):
    list_display = ["title", "collection", "identifier", "created_at"]
    list_select_related = ["collection"]
    search_fields = ["title", "identifier"]


@admin.register(Upload)
class UploadAdmin(LookedAt):
    list_display = ["id", "collection", "uploader", "created_at"]
    list_select_related = ["collection", "uploader"]


@admin.register(Original)
class OriginalAdmin(LookedAt):
    list_display = ["name", "collection", "kind", "size", "frames", "received_at"]
    list_filter = ["kind"]
    list_select_related = ["collection"]
    search_fields = ["name", "=sha256"]


@admin.register(Page)
class PageAdmin(LookedAt):
    list_display = ["__str__", "collection", "state", "confidence", "received_at", "finished_at"]
    list_filter = ["state"]
    list_select_related = ["collection", "document"]
    search_fields = ["document__title", "original__name"]


@admin.register(Layout)
class LayoutAdmin(LookedAt):
    list_display = ["page", "version", "source", "note", "created_at"]
    list_select_related = ["page__document"]


@admin.register(Run)
class RunAdmin(LookedAt):
    list_display = ["page", "number", "profile_version", "vocabulary", "stage", "created_at"]
    list_select_related = ["page__document", "profile_version__profile"]


@admin.register(Vocabulary)
class VocabularyAdmin(LookedAt):
    list_display = ["collection", "revision", "changed_at"]
    list_select_related = ["collection"]


@admin.register(Term)
class TermAdmin(LookedAt):
    list_display = ["text", "kind", "collection", "since", "until"]
    list_filter = ["kind"]
    list_select_related = ["collection"]
    search_fields = ["=text"]


@admin.register(Reading)
class ReadingAdmin(LookedAt):
    list_display = ["text", "pass_version", "line_id", "milliseconds", "created_at"]
    list_select_related = ["pass_version"]


@admin.register(Vote)
class VoteAdmin(LookedAt):
    list_display = ["text", "line_id", "stage", "confidence", "calibration", "created_at"]


@admin.register(TranscriptRevision)
class TranscriptRevisionAdmin(LookedAt):
    list_display = ["text", "line_id", "number", "source", "author", "created_at"]
    list_filter = ["source"]
    list_select_related = ["author"]


@admin.register(RouteDecision)
class RouteDecisionAdmin(LookedAt):
    list_display = ["page", "outcome", "confidence", "threshold", "reasons", "created_at"]
    list_filter = ["outcome"]
    list_select_related = ["page__document"]


@admin.register(Failure)
class FailureAdmin(LookedAt):
    list_display = ["message", "code", "step", "collection", "created_at", "resolved_at"]
    list_filter = ["step", "code", ("resolved_at", admin.EmptyFieldListFilter)]
    list_select_related = ["collection"]


@admin.register(Work)
class WorkAdmin(LookedAt):
    list_display = ["id", "step", "state", "queue", "lane", "attempts", "interruptions", "worker", "lease_until"]
    list_filter = ["state", "step", "queue"]
    search_fields = ["=id", "=page__id"]


@admin.register(Worker)
class WorkerAdmin(LookedAt):
    list_display = ["name", "queue", "seen_at"]


@admin.register(Export)
class ExportAdmin(LookedAt):
    list_display = ["collection", "format", "scope", "state", "pages", "total", "created_at"]
    list_filter = ["state", "format"]
    list_select_related = ["collection"]


class StagePasses(ReadOnly, StagePassBase):
    model = StagePass
    extra = 0


@admin.register(PassVersion)
class PassVersionAdmin(LookedAt):
    list_display = ["name", "engine", "recipe", "digest", "created_at"]


@admin.register(Profile)
class ProfileAdmin(LookedAt):
    list_display = ["name"]


@admin.register(ProfileVersion)
class ProfileVersionAdmin(LookedAt):
    list_display = ["profile", "number", "segmenter", "created_at"]
    list_select_related = ["profile"]
    inlines = [StagePasses]
