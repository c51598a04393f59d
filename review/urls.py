"""Where review is."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from review import assignment_views, audit_views, comment_views, layout_views, page_views, replacement_views, views

app_name = "review"
urlpatterns: list[URLPattern | URLResolver] = [
    path("review/", views.queue, name="queue"),
    path("review/assign/", assignment_views.assign_pages, name="assign"),
    path("review/start/", views.start, name="start"),
    path("review/audits/", audit_views.overview, name="audits"),
    path("review/audits/next/<str:work>/", audit_views.following, name="audit-next"),
    path("review/audits/lines/<int:pk>/", audit_views.line, name="audit-line"),
    path("review/audits/lines/<int:pk>/image.jpg", audit_views.image, name="audit-image"),
    path("review/audits/lines/<int:pk>/type/", audit_views.type_, name="audit-type"),
    path("review/audits/lines/<int:pk>/judge/", audit_views.judge, name="audit-judge"),
    path("review/pages/<int:pk>/", views.editor, name="editor"),
    path("review/pages/<int:pk>/unplaced/", views.unplaced, name="unplaced"),
    path("review/pages/<int:pk>/claim/", views.claim, name="claim"),
    path("review/pages/<int:pk>/heartbeat/", views.heartbeat, name="heartbeat"),
    path("review/pages/<int:pk>/release/", views.release, name="release"),
    path("review/pages/<int:pk>/approve/", views.approve, name="approve"),
    path("review/pages/<int:pk>/skip/", views.skip, name="skip"),
    path("review/pages/<int:pk>/return/", views.send_back, name="return"),
    path("review/pages/<int:pk>/comments/", comment_views.thread, name="comments"),
    path("review/pages/<int:pk>/comments/say/", comment_views.say, name="say"),
    path("review/pages/<int:pk>/comments/<int:thread>/resolve/", comment_views.resolve, name="resolve"),
    path("review/pages/<int:pk>/reopen/", views.reopen, name="reopen"),
    path("review/displaced/<int:pk>/", views.settle, name="settle-displaced"),
    path("review/pages/<int:pk>/layout/", layout_views.layout, name="layout"),
    path("review/pages/<int:pk>/layout/state/", layout_views.state, name="layout-state"),
    path("review/pages/<int:pk>/layout/change/", layout_views.change, name="layout-change"),
    path("review/pages/<int:pk>/layout/undo/", layout_views.undo, name="layout-undo"),
    path("review/pages/<int:pk>/layout/redo/", layout_views.redo, name="layout-redo"),
    path("review/pages/<int:pk>/layout/reread/", layout_views.read_again, name="layout-reread"),
    path("review/pages/<int:pk>/turn/", page_views.turn, name="turn"),
    path("review/pages/<int:pk>/split/", page_views.split, name="split"),
    path("review/pages/<int:pk>/join/", page_views.join, name="join"),
    path("review/collections/<int:pk>/split/", page_views.split_found, name="split-found"),
    path("collections/<int:pk>/replace/", replacement_views.replacements, name="replacements"),
    path("collections/<int:pk>/replace/places/", replacement_views.places, name="replacement-places"),
    path("collections/<int:pk>/replace/suggested/", replacement_views.suggested, name="replacement-suggested"),
    path("collections/<int:pk>/replace/apply/", replacement_views.apply, name="replacement-apply"),
    path("replacements/<int:pk>/", replacement_views.replacement, name="replacement"),
    path("replacements/<int:pk>/live/", replacement_views.replacement_live, name="replacement-live"),
    path("replacements/<int:pk>/lines/", replacement_views.replacement_lines, name="replacement-lines"),
    path("replacements/<int:pk>/undo/", replacement_views.undo, name="replacement-undo"),
    path("review/lines/<int:pk>/save/", views.save_line, name="save-line"),
    path("review/lines/<int:pk>/history/", views.line_history, name="line-history"),
]
