"""Who is answered what on every route: the table is routes.txt, the routes are the URL configuration's own."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.factories import create_user
from tests.permissions.routes import PEOPLE, TABLE, Route, Row, methods_of, routes, table
from tests.permissions.world import SECRET, World, build_world
from transcription.models import Role

ROUTES = routes()
ROWS = table()
SHOWN_TO_NOBODY = ("anonymous", "revoked", "stranger")


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """What a request did is taken back with its transaction; files are not, so none goes."""
    monkeypatch.setattr(FileSystemStorage, "delete", lambda storage, name: None)
    return build_world()


def ask(world: World, person: str, method: str, route: Route) -> HttpResponseBase:
    """The answer, with nothing of what it did left behind."""
    client = Client(raise_request_exception=False)
    client.cookies.update(world.clients[person].cookies)  # one may log out
    client.defaults.update(world.clients[person].defaults)
    cache.clear()  # allauth counts attempts there
    with transaction.atomic():
        answer: HttpResponseBase = client.generic(method, reverse(route.name, kwargs=world.arguments(route)))
        transaction.set_rollback(True)
    return answer


def told(answer: HttpResponseBase) -> str:
    sent_to = answer.headers.get("Location", "")
    return "login" if sent_to.startswith(resolve_url("login") + "?") else str(answer.status_code)


def body(answer: HttpResponseBase) -> str:
    data = b"".join(answer) if getattr(answer, "streaming", False) else getattr(answer, "content", b"")  # type: ignore[call-overload]
    return str(data, "utf-8", "replace")


def test_every_route_stands_in_the_table(world: World) -> None:
    """The failure says what to add for each that does not."""
    to_add = []
    for name in sorted(set(ROUTES) - {row.name for row in ROWS}):
        try:
            for method in methods_of(name):
                answers = tuple(told(ask(world, person, method, ROUTES[name])) for person in PEOPLE)
                if answers[-1] != "405":
                    to_add.append(str(Row(name, method, answers)))
        except (KeyError, NoReverseMatch) as lacking:
            to_add.append(f"# {name}: its URL cannot be made; add to `nouns` or NAMED in world.py: {lacking}")
    told_rows = "\n".join(to_add)
    assert not to_add, f"These are in no row of {TABLE}. As they answer at present, to be added if right:\n{told_rows}"


def test_the_table_is_of_routes_that_there_are() -> None:
    assert [row.name for row in ROWS if row.name not in ROUTES] == []
    assert [str(row) for row in ROWS if len(row.answers) != len(PEOPLE)] == []


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_is_answered_as_the_table_says(person: str, world: World) -> None:
    wrong, shown = [], []
    for row in ROWS:
        if row.name in ROUTES:
            answer = ask(world, person, row.method, ROUTES[row.name])
            expected, found = row.answers[PEOPLE.index(person)], told(answer)
            if expected != found:
                wrong.append(f"{row.name} {row.method}: {expected} in {TABLE.name}, answered {found}")
            if person in SHOWN_TO_NOBODY and SECRET in body(answer):
                shown.append(f"{row.name} {row.method}")
    assert not wrong, f"{person}:\n" + "\n".join(wrong)
    assert not shown, f"{person} is shown what is of a collection they have no business in:\n" + "\n".join(shown)


def test_no_other_method_is_answered(world: World) -> None:
    """What a superuser gets no answer to, nobody does."""
    answered = []
    for name in sorted({row.name for row in ROWS} & set(ROUTES)):
        for method in set(methods_of(name)) - {row.method for row in ROWS if row.name == name}:
            status = told(ask(world, "superuser", method, ROUTES[name]))
            if status not in ("404", "405"):
                answered.append(f"{name} {method}: {status}")
    assert answered == []


def test_the_administration_of_django_is_for_superusers(world: World) -> None:
    flagged = create_user()
    flagged.is_staff = True  # Django's word for whoever may open it; it gives no right to any table
    flagged.save()
    world.clients["flagged"] = Client()
    world.clients["flagged"].force_login(flagged)
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answers = {person: client.get(url).status_code for person, client in world.clients.items()}
        assert answers.pop("superuser") == 200, url
        assert set(answers.values()) <= {302, 403}, (url, answers)


def test_the_people_of_the_table_are_all_there(world: World) -> None:
    assert set(PEOPLE) == set(world.clients)
    assert {role.value for role in Role} < set(PEOPLE)
