"""Where users, invitations and the audit log are; logging in and one's own account are allauth's (project.urls)."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from accounts.views import invitations, log, people

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("people/", people.user_list, name="users"),
    path("people/<int:pk>/", people.user_page, name="user"),
    re_path(
        r"^people/(?P<pk>\d+)/(?P<act>deactivate|activate|promote|demote|unlock|forget)/$",
        people.user_control,
        name="user_control",
    ),
    path("people/invitations/", invitations.invitation_list, name="invitations"),
    path("people/invitations/<int:pk>/withdraw/", invitations.invitation_withdraw, name="invitation_withdraw"),
    path("invitation/<str:key>/", invitations.invitation, name="invitation"),
    path("log/", log.log, name="log"),
    path("log.csv", log.log_csv, name="log_csv"),
]
