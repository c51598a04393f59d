"""Whatever goes wrong under /api/ is told as a problem."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError
from django.test import Client

from tests.api.client import BASE, Program, problem, program
from tests.factories import create_user
from transcription.api import catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller() -> Program:
    return program(create_user(username="ada"))


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v2/jobs", f"{BASE}/nothing", f"{BASE}/jobs/no-uuid", f"{BASE}/pages/0"]
)
def test_an_unknown_address_is_a_problem(caller: Program, path: str) -> None:
    answer = caller.call("get", path)
    problem(answer, *((422, "invalid") if path.endswith("/0") else (404, "not-found")))


def test_a_wrong_method_is_a_problem_that_says_which_are_right(caller: Program) -> None:
    answer = caller.call("put", "/collections")
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= {each.strip() for each in answer["Allow"].split(",")}


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"title": NaN}', b"\xff\xfe"])
def test_a_body_that_is_no_json_is_a_problem(caller: Program, body: str) -> None:
    problem(caller.call("post", "/collections", data=body, content_type="application/json"), 400, "bad-request")


@pytest.mark.parametrize("body", ["AAA", ["title"], None, 7])
def test_a_body_that_is_no_object_is_a_problem(caller: Program, body: object) -> None:
    problem(caller.post("/collections", body), 422, "invalid")


@pytest.mark.parametrize("title", ["a\x00b", "\ud800", "", "  ", "x" * 201, 7, None])
def test_a_value_that_cannot_be_stored_is_told_by_where_it_stands(caller: Program, title: object) -> None:
    told = problem(caller.post("/collections", {"title": title}), 422, "invalid")
    assert [fault["where"] for fault in told["errors"]] == ["body.title"]


def test_a_parameter_or_field_that_is_not_known_is_refused_by_its_name(caller: Program) -> None:
    assert "colection" in problem(caller.get("/search", q="a word", colection=7), 422, "unknown-parameter")["detail"]
    problem(caller.submit(colection=7), 422, "unknown-parameter")
    problem(caller.post("/collections", {"title": "A", "titel": "B"}), 422, "invalid")


def test_a_body_above_the_limit_is_a_413(caller: Program) -> None:
    problem(caller.post("/collections", {"title": "x", "rights": "x" * 5 * 2**20}), 413, "too-large")


def test_a_multipart_body_without_its_boundary_is_a_problem(caller: Program) -> None:
    answer = caller.call("post", "/transcribe", data=b"--x", content_type="multipart/form-data")
    assert answer.status_code in {400, 422}
    assert answer["Content-Type"] == "application/problem+json"


def test_a_defect_is_a_500_that_tells_nothing_of_itself(caller: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr(catalogue, "create_collection", broken)
    answer = caller.post("/collections", {"title": "x"})
    problem(answer, 500, "unexpected")
    assert b"secret" not in answer.content


def test_a_database_that_is_away_is_a_503_with_a_time_to_come_again(
    caller: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(catalogue, "create_collection", away)
    answer = caller.post("/collections", {"title": "x"})
    problem(answer, 503, "service-unavailable")
    assert int(answer["Retry-After"]) > 0


def test_the_description_is_openapi_3_1_and_its_page_loads_nothing_from_elsewhere() -> None:
    schema = json.loads(Client().get(f"{BASE}/openapi.json").content)
    assert schema["openapi"].startswith("3.1")
    assert all("429" in each["responses"] for methods in schema["paths"].values() for each in methods.values())
    page = Client().get(f"{BASE}/docs").content.decode()
    assert "://" not in page.replace("http://www.w3.org", "")
    assert "swagger-ui-bundle" in page


class TestSentAgain:
    def test_the_same_request_under_its_key_gets_the_same_answer_and_nothing_is_done_twice(
        self, caller: Program
    ) -> None:
        first = caller.submit(key="k1", reference="a")
        again = caller.submit(key="k1", reference="a")
        assert (again.status_code, again.json(), again["Location"]) == (202, first.json(), first["Location"])
        assert again["Idempotency-Replayed"] == "true"
        assert len(caller.get("/jobs").json()["items"]) == 1
        assert caller.submit(key="k2", reference="a").json()["id"] != first.json()["id"]

    def test_another_request_under_a_used_key_is_refused(self, caller: Program) -> None:
        caller.submit(key="k1")
        problem(caller.submit("other", "bytes", key="k1"), 422, "idempotency-key-reused")
        problem(caller.submit(key="k1", reference="b"), 422, "idempotency-key-reused")
        problem(caller.post("/collections", {"title": "x"}, key="k1"), 422, "idempotency-key-reused")
        problem(caller.post("/collections", {"title": "x"}, key="x" * 256), 422, "bad-idempotency-key")
        other = program(create_user())
        assert other.submit("other", "bytes", key="k1").status_code == 202, "a key is its user's own"

    def test_a_request_that_failed_may_be_sent_again_mended(self, caller: Program) -> None:
        problem(caller.send("/transcribe", b"no image", key="k1"), 422, "not-an-image")
        assert caller.submit(key="k1").status_code == 202
        made = caller.post("/collections", {"title": "x"}, key="k3")
        assert caller.post("/collections", {"title": "x"}, key="k3").json() == made.json()
        assert len(caller.get("/collections", q="x").json()["items"]) == 1
