"""The endpoint engine against an endpoint that speaks real HTTP."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fake_endpoint import FakeEndpoint
from transcription.engines.base import PageReader, Recognizer
from transcription.engines.endpoints import NoKey, read_endpoints
from transcription.engines.openai import OpenAiEndpoint
from transcription.engines.openai import client as client_module
from transcription.engines.openai.answer import read_completion, scored_lines
from transcription.engines.openai.client import pacer_of
from transcription.engines.openai.meter import Answer, Metered
from transcription.errors import BudgetSpent, EndpointBusy, EngineFailure, ServiceUnavailable
from transcription.htr.records import Hints, ItemError, LineImage, PageImage, PageText, ReadingRecord, Usage

KEY = "sk-planted-5f2c9e7a"


def lines(count: int, width: int = 300) -> list[LineImage]:
    return [LineImage(number, np.full((64, width), 200, np.uint8)) for number in range(count)]


def engine(endpoint: FakeEndpoint, **options: Any) -> OpenAiEndpoint:
    declared = {"name": "test", "url": endpoint.url, "model": "m", "prompt": "Transcribe.", "total_seconds": 5.0}
    return OpenAiEndpoint(**declared | options)


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with FakeEndpoint().started() as started:
        yield started
        client_module._pacers.clear()


@dataclass
class Book:
    """A meter that writes down what it is told."""

    room: int = 10**9
    reserved: dict[int, int] = field(default_factory=dict)
    settled: dict[int, Usage | None] = field(default_factory=dict)
    refunded: list[int] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)
    beats: int = 0
    keys: dict[int, int] = field(default_factory=dict)

    def kept(self, key: int) -> Answer | None:
        return self.answers.get(key)

    def reserve(self, key: int, most: Usage) -> int:
        if len(self.reserved) >= self.room:
            raise BudgetSpent("spent", seconds=60)
        charge = len(self.reserved) + 1
        self.reserved[charge] = most.tokens_in + most.tokens_out
        self.keys[charge] = key
        return charge

    def settle(self, charge: int, usage: Usage | None, answer: Answer | None) -> None:
        assert charge not in self.settled
        self.settled[charge] = usage
        if answer is not None:
            self.answers[self.keys[charge]] = answer

    def refund(self, charge: int) -> None:
        self.refunded.append(charge)

    def waiting(self) -> None:
        self.beats += 1

    @property
    def open(self) -> set[int]:
        return self.reserved.keys() - self.settled.keys() - set(self.refunded)


class TestReading:
    def test_it_is_all_three_things(self, endpoint: FakeEndpoint) -> None:
        made = engine(endpoint)
        assert isinstance(made, Recognizer)
        assert isinstance(made, PageReader)
        assert isinstance(made, Metered)

    def test_lines_come_back_each_with_its_key_scores_and_usage(self, endpoint: FakeEndpoint) -> None:
        book = Book()
        found = list(engine(endpoint).metered(book).recognize(lines(9), Hints()))
        assert sorted(each.key for each in found) == list(range(9))
        for each in found:
            assert isinstance(each, ReadingRecord)
            assert each.text == "the old rector"
            assert each.chars == pytest.approx((0.9,) * 14)
            assert (each.usage.tokens_in, each.usage.tokens_out) == (9 + 128 * 600 // 784, 15)
        assert not book.open
        assert sum(u.tokens_in + u.tokens_out for u in book.settled.values() if u) == endpoint.tokens

    def test_calls_go_out_together_and_never_more_than_allowed(self, endpoint: FakeEndpoint) -> None:
        endpoint.chances, endpoint.slow_seconds = {"slow": 1.0}, 0.1
        list(engine(endpoint, concurrency=3).recognize(lines(9), Hints()))
        assert endpoint.most_at_once == 3

    def test_what_is_sent(self, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", KEY)
        made = engine(endpoint, key_variable="TEST_KEY", image_detail="high", max_tokens=77)
        list(made.recognize(lines(1), Hints()))
        [body], [headers] = endpoint.requests, endpoint.headers
        assert headers["authorization"] == f"Bearer {KEY}"
        assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("m", 77, 0.0, 0)
        text, image = body["messages"][0]["content"]
        assert text["text"] == "Transcribe."
        assert image["image_url"]["detail"] == "high"
        assert image["image_url"]["url"].startswith("data:image/png;base64,")

    def test_pages_come_back_line_by_line(self, endpoint: FakeEndpoint) -> None:
        endpoint.text = "```\nfirst line\n\n second  line \n```"
        pages = [PageImage(5, np.full((3000, 2000), 220, np.uint8))]
        [page] = engine(endpoint, mode="pages").read_pages(pages, Hints())
        assert isinstance(page, PageText)
        assert page.lines == ("first line", "second line")
        assert [len(chars) for chars in page.chars] == [10, 11]
        assert page.raw == endpoint.text

    def test_a_line_with_nothing_on_it_is_empty(self, endpoint: FakeEndpoint) -> None:
        endpoint.text = ""
        [found] = engine(endpoint).recognize(lines(1), Hints())
        assert isinstance(found, ReadingRecord)
        assert found.text == ""

    @pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (64, 1), (64, 20_000), (3000, 2)])
    def test_absurd_crops_never_raise(self, endpoint: FakeEndpoint, shape: tuple[int, int]) -> None:
        crops = [LineImage(0, np.zeros(shape, np.uint8)), *lines(2)[1:]]
        found = {each.key: each for each in engine(endpoint).recognize(crops, Hints())}
        assert isinstance(found[0], ItemError) == (0 in shape)
        assert isinstance(found[1], ReadingRecord)

    def test_an_answer_that_was_cut_is_an_error_that_says_so_and_is_paid(self, endpoint: FakeEndpoint) -> None:
        book = Book()
        [found] = engine(endpoint, max_tokens=5).metered(book).recognize(lines(1), Hints())
        assert isinstance(found, ItemError)
        assert "cut off after 5 tokens" in found.message
        assert book.settled[1] is not None

    def test_probabilities_that_are_refused_are_asked_for_once(self, endpoint: FakeEndpoint) -> None:
        endpoint.chances = {"no-logprobs": 1.0}
        book = Book()
        found = list(engine(endpoint, concurrency=1, fixed_score=0.6).metered(book).recognize(lines(4), Hints()))
        assert [each.chars for each in found if isinstance(each, ReadingRecord)] == [(0.6,) * 14] * 4
        assert ["logprobs" in body for body in endpoint.requests] == [True, False, False, False, False]
        assert len(book.refunded) == 1

    def test_what_was_paid_before_is_not_paid_again(self, endpoint: FakeEndpoint) -> None:
        book = Book(answers={1: ReadingRecord(1, "kept", (0.5,) * 4)})
        found = {each.key: each for each in engine(endpoint).metered(book).recognize(lines(3), Hints())}
        assert isinstance(found[1], ReadingRecord)
        assert found[1].text == "kept"
        assert len(endpoint.met) == 2


class TestFailures:
    def test_busy_answers_pause_and_cost_nothing(self, endpoint: FakeEndpoint) -> None:
        endpoint.script = ["busy", "ok", "unavailable", "busy"]
        book = Book()
        found = list(engine(endpoint, concurrency=1).metered(book).recognize(lines(4), Hints()))
        assert len(found) == 4
        assert all(isinstance(each, ReadingRecord) for each in found)
        assert len(book.refunded) == 3
        assert not book.open

    def test_a_long_pause_is_not_waited_for(self, endpoint: FakeEndpoint) -> None:
        endpoint.retry_after, endpoint.script = "300", ["ok", "busy"]
        book, found = Book(), []
        with pytest.raises(EndpointBusy) as caught:
            found.extend(engine(endpoint, concurrency=1).metered(book).recognize(lines(5), Hints()))
        assert len(found) == 1
        assert 290 < caught.value.seconds < 400
        assert not book.open

    def test_lost_answers_are_tried_again_and_stay_charged(self, endpoint: FakeEndpoint) -> None:
        endpoint.script = ["drop", "late-error", "ok"]
        book = Book()
        [found] = engine(endpoint, concurrency=1).metered(book).recognize(lines(1), Hints())
        assert isinstance(found, ReadingRecord)
        assert [usage is None for usage in book.settled.values()] == [True, True, False]

    def test_an_endpoint_that_bills_no_errors_gives_them_back(self, endpoint: FakeEndpoint) -> None:
        endpoint.script = ["error", "ok"]
        book = Book()
        list(engine(endpoint, bills_errors=False).metered(book).recognize(lines(1), Hints()))
        assert book.refunded == [1]

    def test_one_item_that_is_always_lost_fails_alone(self, endpoint: FakeEndpoint) -> None:
        endpoint.script = ["drop", "ok", "drop", "ok", "drop"]
        book = Book()
        made = engine(endpoint, concurrency=1).metered(book)
        found = {each.key: each for each in made.recognize(lines(3), Hints())}
        assert len(found) == 3
        endpoint.script = ["ok"] + ["drop"] * 3
        client = engine(endpoint, concurrency=2)
        results = list(client.metered(Book()).recognize(lines(2), Hints()))
        assert sorted(type(each).__name__ for each in results) in (
            ["ItemError", "ReadingRecord"],
            ["ReadingRecord", "ReadingRecord"],
        )

    def test_an_endpoint_that_loses_everything_is_to_be_tried_later(self, endpoint: FakeEndpoint) -> None:
        endpoint.chances = {"drop": 1.0}
        with pytest.raises(ServiceUnavailable, match="asked 3 times"):
            list(engine(endpoint, concurrency=1).recognize(lines(2), Hints()))

    def test_garbage_is_an_item_error_and_stays_charged(self, endpoint: FakeEndpoint) -> None:
        endpoint.script = ["garbage"]
        book = Book()
        found = list(engine(endpoint, concurrency=1).metered(book).recognize(lines(2), Hints()))
        assert [type(each) for each in found] == [ItemError, ReadingRecord]
        assert book.settled[1] is None

    def test_an_answer_that_takes_too_long_is_lost_and_the_step_hears_that_it_lives(
        self, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from transcription.engines.openai import endpoint as endpoint_module

        monkeypatch.setattr(endpoint_module, "BEAT", 0.05)
        endpoint.script, endpoint.slow_seconds = ["slow"], 5.0
        book = Book()
        [found] = engine(endpoint, read_seconds=0.4).metered(book).recognize(lines(1), Hints())
        assert isinstance(found, ReadingRecord)
        assert book.settled[1] is None
        assert book.beats >= 3

    def test_nobody_there_costs_nothing_and_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from transcription.engines.openai import endpoint as endpoint_module

        monkeypatch.setattr(endpoint_module, "MOST_REFUSALS", 2)
        book = Book()
        made = OpenAiEndpoint(name="gone", url="http://127.0.0.1:9/v1", model="m", prompt="x")
        with pytest.raises(EndpointBusy, match="cannot be reached"):
            list(made.metered(book).recognize(lines(2), Hints()))
        assert set(book.refunded) == set(book.reserved)

    @pytest.mark.parametrize(
        ("status", "remedy"),
        [(401, "key is not accepted"), (403, "check its rights"), (404, "check url"), (302, "redirects")],
    )
    def test_what_only_the_operator_can_mend_is_said_once(
        self, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch, status: int, remedy: str
    ) -> None:
        monkeypatch.setenv("TEST_KEY", KEY)
        endpoint.chances = {f"refuse:{status}": 1.0}
        book = Book()
        made = engine(endpoint, key_variable="TEST_KEY", concurrency=1, logprobs=False)
        with pytest.raises(EngineFailure, match=remedy) as caught:
            list(made.metered(book).recognize(lines(3), Hints()))
        assert KEY not in str(caught.value)
        assert len(endpoint.met) == 1
        assert book.refunded == [1]

    def test_a_refused_image_fails_alone_and_what_the_endpoint_says_has_no_key_in_it(
        self, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEST_KEY", KEY)
        endpoint.script = ["refuse:413"]
        made = engine(endpoint, key_variable="TEST_KEY", concurrency=1)
        found = list(made.recognize(lines(2), Hints()))
        assert isinstance(found[0], ItemError)
        assert "not for you" in found[0].message
        assert KEY not in found[0].message
        assert isinstance(found[1], ReadingRecord)

    def test_spent_budgets_end_the_call_after_what_was_under_way(self, endpoint: FakeEndpoint) -> None:
        book, found = Book(room=5), []
        with pytest.raises(BudgetSpent):
            found.extend(engine(endpoint).metered(book).recognize(lines(9), Hints()))
        assert len(found) == 5
        assert not book.open

    def test_whoever_stops_listening_leaves_no_call_unsettled(self, endpoint: FakeEndpoint) -> None:
        endpoint.chances, endpoint.slow_seconds = {"slow": 1.0}, 0.1
        book = Book()
        reading = engine(endpoint).metered(book).recognize(lines(9), Hints())
        next(reading)
        reading.close()
        assert not book.open
        assert sum(u.tokens_in + u.tokens_out for u in book.settled.values() if u) == endpoint.tokens


class TestKey:
    def test_a_missing_key_names_its_variable(self, endpoint: FakeEndpoint) -> None:
        with pytest.raises(NoKey, match="ABSENT_KEY"):
            list(engine(endpoint, key_variable="ABSENT_KEY").recognize(lines(1), Hints()))
        assert endpoint.met == []

    def test_the_key_is_nowhere_to_be_read(
        self,
        endpoint: FakeEndpoint,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "key").write_text(f"{KEY}\n")
        caplog.set_level(logging.DEBUG)
        made = engine(endpoint, key_file=str(tmp_path / "key"), concurrency=1)
        endpoint.script = ["refuse:400", "busy", "late-error", "garbage", "drop", "ok", "refuse:401"]
        with pytest.raises(EngineFailure) as caught:
            list(made.recognize(lines(5), Hints()))
        seen = [caplog.text, repr(made.__dict__), repr(made.client().__dict__), repr(caught.value), repr(made.declared)]
        seen += [str(record.__dict__) for record in caplog.records]
        seen += capfd.readouterr()
        assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
        assert not [text for text in seen if KEY in text]


class TestAnswers:
    def completion(self, text: str, logprobs: Any = None) -> Any:
        import json

        choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": logprobs}
        return read_completion(json.dumps({"choices": [choice]}).encode())

    @pytest.mark.parametrize(
        ("said", "stored"),
        [
            ("the [UNCLEAR] rector", "the [?] rector"),
            ("old Whitby[unclear] hall", "old Whitby[?] hall"),
            ("[UNCLEAR]", "[?]"),
            ("e\u0301glise \t x", "église x"),
            ("nul\x00 and\x07 bell", "nul and bell"),
            ("\ud800 half", "? half"),
        ],
    )
    def test_marks_and_characters_are_stored_as_the_design_says(self, said: str, stored: str) -> None:
        [line] = scored_lines(self.completion(said), 0.9)
        assert line.text == stored
        assert len(line.chars) == len(stored)

    def test_an_unclear_word_is_doubtful_and_its_neighbours_are_not(self) -> None:
        [line] = scored_lines(self.completion("old Whitby[UNCLEAR] hall"), 0.9)
        assert line.chars == (0.9,) * 4 + (0.2,) * 9 + (0.9,) * 5

    def test_scores_follow_tokens_that_end_within_a_character(self) -> None:
        raw = "aé".encode()
        tokens = [
            {"token": "?", "logprob": math.log(p), "bytes": [b]} for p, b in zip((0.9, 0.5, 0.3), raw, strict=True)
        ]
        tokens.append({"token": "<eos>", "logprob": 0.0, "bytes": None})
        completion = self.completion("aé", {"content": tokens})
        assert completion.scores == pytest.approx((0.9, 0.3))

    @pytest.mark.parametrize(
        "logprobs",
        [{}, {"content": None}, {"content": [{"token": "zz", "logprob": 0}]}, {"content": [3]}, [], {"content": [{}]}],
    )
    def test_probabilities_that_do_not_spell_the_text_are_unknown(self, logprobs: Any) -> None:
        assert self.completion("ab", logprobs).scores is None

    def test_numbers_that_are_none_score_nothing(self) -> None:
        tokens = [{"token": c, "logprob": v} for c, v in zip("abcd", (math.nan, 5, -9999, "x"), strict=True)]
        assert self.completion("abcd", {"content": tokens}).scores == pytest.approx((0, 1, 0, 0), abs=1e-9)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"choices": []}',
            b'{"choices": [{"message": 3}]}',
            b"[" * 100_000,
            b'{"choices": {"0": 1}}',
        ],
    )
    def test_what_is_no_answer_is_said_in_a_sentence(self, body: bytes) -> None:
        with pytest.raises(EngineFailure, match="endpoint's answer"):
            read_completion(body)

    @pytest.mark.parametrize(
        "usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": 2}, [], {"prompt_tokens": 1e9}]
    )
    def test_counts_that_are_none_are_unknown(self, usage: Any) -> None:
        import json

        body = {"choices": [{"message": {"content": "x"}}], "usage": usage}
        assert read_completion(json.dumps(body).encode()).usage is None


def test_two_declarations_of_one_address_share_its_pace(endpoint: FakeEndpoint) -> None:
    assert engine(endpoint).pacer is engine(endpoint, name="other", mode="pages").pacer is pacer_of(endpoint.url)


def test_no_file_declares_no_endpoint(tmp_path: Path) -> None:
    assert read_endpoints(tmp_path / "endpoints.toml") == {}
