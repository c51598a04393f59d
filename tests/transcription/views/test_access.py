"""Every URL: the anonymous are asked to log in, strangers learn nothing, members get in from their role on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import URLPattern, reverse

from tests.factories import (
    create_failure,
    create_imported_transcript,
    create_layout,
    create_membership,
    create_page,
    create_run,
    create_term,
    create_trial,
    create_upload,
    create_user,
    create_vote,
)
from transcription import urls
from transcription.models import Collection, Export, PageState, Role

# name: (method, role from which on it works, status a member gets)
OF_COLLECTION = {
    "collection": ("get", Role.STAFF, 200),
    "collection_live": ("get", Role.STAFF, 286),
    "collection_grid": ("get", Role.STAFF, 200),
    "failures_retry": ("post", Role.STAFF, 302),
    "collection_settings": ("get", Role.ADMIN, 200),
    "member_save": ("post", Role.ADMIN, 422),
    "vocabulary": ("get", Role.STAFF, 200),
    "vocabulary_list": ("get", Role.STAFF, 200),
    "vocabulary_upload": ("post", Role.STAFF, 422),
    "vocabulary_clear": ("post", Role.ADMIN, 302),
    "vocabulary_rerun": ("post", Role.ADMIN, 302),
    "vocabulary_download": ("get", Role.STAFF, 200),
    "term_add": ("post", Role.STAFF, 422),
    "passes": ("get", Role.STAFF, 200),
    "passes_rerun": ("post", Role.ADMIN, 302),
    "profile_name": ("post", Role.ADMIN, 422),
    "trial_start": ("post", Role.ADMIN, 422),
    "budget": ("get", Role.LEAD, 200),
    "promise": ("get", Role.ADMIN, 200),
    "transcripts": ("get", Role.STAFF, 200),
    "transcripts_upload": ("post", Role.STAFF, 422),
    "manifest_new": ("get", Role.STAFF, 200),
    "manifest_list": ("get", Role.STAFF, 286),
    "upload_new": ("get", Role.STAFF, 200),
    "upload_start": ("post", Role.STAFF, 201),
    "exports": ("get", Role.STAFF, 200),
    "export_list": ("get", Role.STAFF, 200),
}
OF_OTHERS = {
    "failure_retry": ("post", Role.STAFF, 302),
    "member_remove": ("post", Role.ADMIN, 302),
    "term_kind": ("post", Role.STAFF, 302),
    "term_remove": ("post", Role.STAFF, 302),
    "transcript_download": ("get", Role.STAFF, 200),
    "transcript_withdraw": ("post", Role.STAFF, 302),
    "collection_control": ("post", Role.ADMIN, 302),
    "upload": ("get", Role.STAFF, 200),
    "upload_file": ("post", Role.STAFF, 422),
    "upload_status": ("get", Role.STAFF, 200),
    "export_download": ("get", Role.STAFF, 200),
    "profile_remove": ("post", Role.ADMIN, 404),  # only for whoever named it; tested in test_passes
    "trial": ("get", Role.STAFF, 200),
    "trial_live": ("get", Role.STAFF, 286),
    "trial_use": ("post", Role.ADMIN, 302),
    "trial_discard": ("post", Role.ADMIN, 302),
    "passes_page": ("get", Role.STAFF, 404),  # no page has an image here; they are tested in test_passes
    "enhanced_region": ("get", Role.STAFF, 404),
    "enhanced_line": ("get", Role.STAFF, 404),
    "page": ("get", Role.STAFF, 200),
    "word_why": ("get", Role.STAFF, 404),  # this vote has no words; they are tested in test_word
    "page_tile": ("get", Role.STAFF, 404),  # this page has no pyramid; images are tested in test_page
    "iiif_image": ("get", Role.STAFF, 303),
    "iiif_info": ("get", Role.STAFF, 404),
    "iiif_region": ("get", Role.STAFF, 404),
    "page_thumbnail": ("get", Role.STAFF, 200),
    "original_download": ("get", Role.STAFF, 200),
}
# What they show is filtered, or refused.
EVERYBODY = {"collections", "collection_new", "search", "sample_reset", "sample_empty"}
OPEN, SUPERUSERS = {"healthz"}, {"status", "engines", "endpoint_budgets"}
BELOW = {Role.ADMIN: Role.LEAD, Role.LEAD: Role.REVIEWER}


@dataclass(frozen=True)
class Target:
    url: str
    method: str
    role: Role
    status: int

    def ask(self, client: Client) -> int:
        return int(getattr(client, self.method)(self.url).status_code)


@pytest.fixture
def target(collection: Collection) -> Callable[[str], Target]:
    """Make a URL of a name, with the rows it needs."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW, thumbnail="thumbnails/1.jpg")
    layout = create_layout(page=page)
    run = create_run(page=page)
    place = layout.places.first()
    assert place is not None
    create_vote(run=run, line=place.line)
    for name in ("thumbnails/1.jpg", page.original.file, "exports/1.zip"):
        default_storage.save(name, ContentFile(b"bytes"))
    keys: dict[str, Callable[[], list[object]]] = {
        "failure_retry": lambda: [create_failure(collection=collection, page=page).pk],
        "member_remove": lambda: [collection.pk, create_membership(collection=collection, role=Role.STAFF).pk],
        "term_kind": lambda: [collection.pk, create_term(collection=collection).pk],
        "term_remove": lambda: [collection.pk, create_term(collection=collection).pk],
        "transcript_download": lambda: [create_imported_transcript(page=page).pk],
        "transcript_withdraw": lambda: [create_imported_transcript(page=page).pk],
        "collection_control": lambda: [collection.pk, "pause"],
        "upload": lambda: [create_upload(collection=collection).pk],
        "upload_file": lambda: [create_upload(collection=collection).pk],
        "upload_status": lambda: [create_upload(collection=collection).pk],
        "export_download": lambda: [
            Export.objects.create(collection=collection, format="txt", state=Export.State.DONE, file="exports/1.zip").pk
        ],
        "profile_remove": lambda: [collection.pk, 0],
        **dict.fromkeys(
            ("trial", "trial_live", "trial_use", "trial_discard"), lambda: [create_trial(collection=collection).pk]
        ),
        "passes_page": lambda: [collection.pk, 1],
        "enhanced_region": lambda: [page.pk],
        "enhanced_line": lambda: [page.pk, place.line_id],
        "word_why": lambda: [place.line_id, 99],
        "page": lambda: [page.pk],
        "page_tile": lambda: [page.pk, 0, 0, 0],
        "iiif_image": lambda: [page.pk],
        "iiif_info": lambda: [page.pk],
        "iiif_region": lambda: [page.pk, "full", "max", "0", "default.jpg"],
        "page_thumbnail": lambda: [page.pk],
        "original_download": lambda: [page.original.pk],
    }

    def make(name: str) -> Target:
        method, role, status = (OF_COLLECTION | OF_OTHERS)[name]
        arguments = keys[name]() if name in keys else [collection.pk]
        return Target(reverse(f"transcription:{name}", args=arguments), method, role, status)

    return make


def test_every_url_stands_in_one_of_the_tables() -> None:
    names = {str(pattern.name) for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)}
    assert names == set(OF_COLLECTION) | set(OF_OTHERS) | EVERYBODY | OPEN | SUPERUSERS


@pytest.mark.parametrize("name", [*OF_COLLECTION, *OF_OTHERS])
def test_only_members_of_the_right_role_get_in(
    name: str, target: Callable[[str], Target], member: Callable[[Role], Client], stranger: Client, client: Client
) -> None:
    wanted = target(name)
    anonymous = getattr(client, wanted.method)(wanted.url)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith(reverse("login"))
    assert wanted.ask(stranger) == 404
    if wanted.role in BELOW:
        assert wanted.ask(member(BELOW[wanted.role])) == 404
    assert wanted.ask(member(wanted.role)) == wanted.status


@pytest.mark.parametrize("name", sorted(EVERYBODY))
def test_the_anonymous_are_asked_to_log_in(name: str, client: Client, db: None) -> None:
    url = reverse(f"transcription:{name}")
    answer = client.post(url) if name.startswith("sample") else client.get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


def test_the_list_shows_only_ones_own_collections(collection: Collection, stranger: Client) -> None:
    answer = stranger.get(reverse("transcription:collections"))
    assert answer.status_code == 200
    assert collection.title not in answer.content.decode()


def test_the_sample_is_not_for_everybody_to_reset(stranger: Client, collection: Collection) -> None:
    assert stranger.post(reverse("transcription:sample_reset")).status_code == 404
    assert stranger.post(reverse("transcription:sample_empty")).status_code == 404


def test_the_status_page_is_for_superusers(stranger: Client, client: Client) -> None:
    assert stranger.get(reverse("transcription:status")).status_code == 404
    client.force_login(create_user(superuser=True))
    answer = client.get(reverse("transcription:status"))
    assert answer.status_code == 200
    assert "PostgreSQL" in answer.content.decode()


def test_health_needs_no_login_and_says_that_the_database_answers(client: Client, db: None) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok"}


def test_htmx_is_told_to_load_the_login_page_whole(client: Client, collection: Collection) -> None:
    url = reverse("transcription:collection_live", args=[collection.pk])
    answer = client.get(url, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == reverse("login")


def test_an_upload_of_somebody_else_cannot_be_added_to(stranger: Client, collection: Collection) -> None:
    assert stranger.post(reverse("transcription:upload_file", args=[uuid.uuid4()])).status_code == 404
