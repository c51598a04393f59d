"""Where the screens of collections, uploads, pages and exports are."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from transcription.views import (
    collection,
    collections,
    exports,
    health,
    page,
    settings,
    transcripts,
    upload,
    vocabulary,
)

app_name = "transcription"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", collections.collection_list, name="collections"),
    path("collections/new/", collections.collection_new, name="collection_new"),
    path("collections/<int:pk>/", collection.collection_page, name="collection"),
    path("collections/<int:pk>/live/", collection.collection_live, name="collection_live"),
    path("collections/<int:pk>/grid/", collection.collection_grid, name="collection_grid"),
    path("collections/<int:pk>/retry/", collection.failures_retry, name="failures_retry"),
    path("failures/<int:pk>/retry/", collection.failure_retry, name="failure_retry"),
    path("collections/<int:pk>/settings/", settings.collection_settings, name="collection_settings"),
    path("collections/<int:pk>/members/", settings.member_save, name="member_save"),
    path("collections/<int:pk>/members/<int:member>/remove/", settings.member_remove, name="member_remove"),
    re_path(
        r"^collections/(?P<pk>\d+)/(?P<action>pause|resume|cancel|rerun)/$",
        settings.collection_control,
        name="collection_control",
    ),
    path("collections/<int:pk>/vocabulary/", vocabulary.vocabulary, name="vocabulary"),
    path("collections/<int:pk>/vocabulary/list/", vocabulary.vocabulary_list, name="vocabulary_list"),
    path("collections/<int:pk>/vocabulary/upload/", vocabulary.vocabulary_upload, name="vocabulary_upload"),
    path("collections/<int:pk>/vocabulary/terms/", vocabulary.term_add, name="term_add"),
    path("collections/<int:pk>/vocabulary/terms/<int:term>/kind/", vocabulary.term_kind, name="term_kind"),
    path("collections/<int:pk>/vocabulary/terms/<int:term>/remove/", vocabulary.term_remove, name="term_remove"),
    path("collections/<int:pk>/vocabulary/clear/", vocabulary.vocabulary_clear, name="vocabulary_clear"),
    path("collections/<int:pk>/vocabulary/rerun/", vocabulary.vocabulary_rerun, name="vocabulary_rerun"),
    path("collections/<int:pk>/vocabulary/download/", vocabulary.vocabulary_download, name="vocabulary_download"),
    path("collections/<int:pk>/transcripts/", transcripts.transcripts, name="transcripts"),
    path("collections/<int:pk>/transcripts/upload/", transcripts.transcripts_upload, name="transcripts_upload"),
    path("transcripts/<int:pk>/download/", transcripts.transcript_download, name="transcript_download"),
    path("transcripts/<int:pk>/withdraw/", transcripts.transcript_withdraw, name="transcript_withdraw"),
    path("collections/<int:pk>/upload/", upload.upload_new, name="upload_new"),
    path("collections/<int:pk>/uploads/", upload.upload_start, name="upload_start"),
    path("uploads/<uuid:pk>/", upload.upload_page, name="upload"),
    path("uploads/<uuid:pk>/files/", upload.upload_file, name="upload_file"),
    path("uploads/<uuid:pk>/status/", upload.upload_status, name="upload_status"),
    path("collections/<int:pk>/exports/", exports.exports, name="exports"),
    path("collections/<int:pk>/exports/list/", exports.export_list, name="export_list"),
    path("exports/<uuid:pk>/download/", exports.export_download, name="export_download"),
    path("pages/<int:pk>/", page.page_view, name="page"),
    path("pages/<int:pk>/tiles/<int:level>/<int:column>_<int:row>.jpg", page.page_tile, name="page_tile"),
    path("pages/<int:pk>/thumbnail.jpg", page.page_thumbnail, name="page_thumbnail"),
    path("originals/<uuid:pk>/download/", page.original_download, name="original_download"),
    path("sample/reset/", collections.sample_reset, name="sample_reset"),
    path("sample/empty/", collections.sample_empty, name="sample_empty"),
    path("healthz", health.healthz, name="healthz"),
    path("status/", health.status, name="status"),
]
