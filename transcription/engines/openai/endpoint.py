"""Reads lines or pages through an endpoint: several calls at once, each reserved before it and settled after it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from transcription.engines.endpoints import Endpoint
from transcription.engines.openai.answer import Completion, joined_line, read_completion, scored_lines
from transcription.engines.openai.client import BUSY, OURS, REFUSED, Client, Lost, NotSent, Reply, pacer_of, said
from transcription.engines.openai.meter import Answer, Meter, Unmetered
from transcription.engines.openai.request import Options, request_body
from transcription.errors import EndpointBusy, EngineFailure, LonghandError, PermanentError, ServiceUnavailable
from transcription.htr.records import Gray, Hints, ItemError, LineImage, PageImage, PageText, ReadingRecord, Usage

MAX_ATTEMPTS = 3  # of one item, each of them paid
PATIENCE = 20.0  # seconds a worker waits for an endpoint; work that must wait longer is put back
MOST_REFUSALS = 8  # in a row, then likewise
AWAY_SECONDS = 60.0  # until an endpoint that did not answer is asked again
BEAT = 2.0  # seconds between two signs of life while calls are under way


class OpenAiEndpoint:
    """One endpoint, declared by the fields of `engines.endpoints.Endpoint`.

    Without a meter nothing is reserved or counted. Raises NoKey, on first use, where the key is not to be found.
    """

    def __init__(self, **declared: Any) -> None:
        self.declared = Endpoint(**declared)
        fields = {name: getattr(self.declared, name) for name in Options.__dataclass_fields__}
        self.options = Options(**fields | {"max_tokens": self.declared.most_out})
        self.pacer = pacer_of(self.declared.url)
        self.logprobs = self.declared.logprobs
        self._client: Client | None = None

    def metered(self, meter: Meter) -> Reader:
        """The endpoint, paying by ``meter``."""
        return Reader(self, meter)

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        yield from self.metered(Unmetered()).recognize(crops, hints)

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[PageText | ItemError]:
        yield from self.metered(Unmetered()).read_pages(pages, hints)

    def client(self) -> Client:
        """The connections, opened on first use."""
        if self._client is None:
            it = self.declared
            self._client = Client(
                it.url,
                it.key(),
                concurrency=it.concurrency,
                connect=it.connect_seconds,
                read=it.read_seconds,
                total=it.total_seconds,
            )
        return self._client

    def release(self) -> None:
        """Close the connections; the key is read anew on next use."""
        if self._client is not None:
            self._client.close()
            self._client = None


@dataclass(slots=True)
class _Item:
    """A line or a page on its way: how often it was tried, since when, and with the charge of its present call."""

    key: int
    pixels: Gray
    attempts: int = 0
    first_tried: float = 0.0
    started: float = 0.0
    charge: int = 0
    logprobs: bool = False


class Reader:
    """An endpoint bound to one meter, for one call of `recognize` or `read_pages` after the other."""

    def __init__(self, endpoint: OpenAiEndpoint, meter: Meter) -> None:
        self._endpoint = endpoint
        self._meter = meter
        self._again: deque[_Item] = deque()
        self._ended: LonghandError | None = None  # why no further call is made

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Readings of lines as they come. Raises Postponed, TransientError or PermanentError once the calls under way
        have ended and what they read was given out."""
        for answer in self._answers(_Item(crop.key, crop.pixels) for crop in crops):
            assert not isinstance(answer, PageText)
            yield answer

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[PageText | ItemError]:
        """Texts of pages as they come; raises as ``recognize`` does."""
        for answer in self._answers(_Item(page.key, page.pixels) for page in pages):
            assert not isinstance(answer, ReadingRecord)
            yield answer

    def _answers(self, items: Iterator[_Item]) -> Iterator[Answer]:
        self._again.clear()
        self._ended = None
        limit = self._endpoint.declared.concurrency
        flying: dict[Future[Reply], _Item] = {}
        more = True
        with ThreadPoolExecutor(limit, thread_name_prefix="endpoint") as pool:
            try:
                while flying or self._again or more:
                    if self._may_start() and (self._again or more) and len(flying) < limit:
                        item = self._again.popleft() if self._again else next(items, None)
                        if item is None:
                            more = False
                        elif isinstance(begun := self._begin(item, pool), Future):
                            flying[begun] = item
                        elif begun is not None:
                            yield begun
                        continue
                    if (why := self._why_ended()) is not None and not flying:
                        raise why
                    for future in self._done(flying):
                        answer = self._finish(flying.pop(future), future)
                        if answer is not None:
                            yield answer
                if (why := self._why_ended()) is not None:  # of the last call
                    raise why
            finally:
                # Whoever reads the results went away, or something broke: what is under way is paid for and kept.
                for future, item in flying.items():
                    self._finish(item, future)

    def _may_start(self) -> bool:
        if self._ended is not None:
            return False
        pacer, name = self._endpoint.pacer, self._endpoint.declared.name
        waiting = pacer.remaining()
        if waiting > PATIENCE or (waiting and pacer.refusals >= MOST_REFUSALS):
            seconds = max(waiting, AWAY_SECONDS if pacer.refusals >= MOST_REFUSALS else 0.0)
            self._ended = EndpointBusy(
                f"Endpoint “{name}” takes no calls at present; it is asked again in {seconds:.0f} s.", seconds=seconds
            )
        return not waiting and self._ended is None

    def _done(self, flying: dict[Future[Reply], _Item]) -> list[Future[Reply]]:
        """Calls that ended; none where it took too long, or where the endpoint wants to be left alone for a moment."""
        pause = self._endpoint.pacer.remaining()
        if not flying:
            time.sleep(min(pause, BEAT))
            self._meter.waiting()
            return []
        done, _ = wait(flying, timeout=min(pause, BEAT) or BEAT, return_when=FIRST_COMPLETED)
        if not done:
            self._meter.waiting()
        return list(done)

    def _begin(self, item: _Item, pool: ThreadPoolExecutor) -> Future[Reply] | Answer | None:
        """Reserve and send; an answer at once where it is known already or the item is none. None: no call is made."""
        if not item.attempts and (kept := self._meter.kept(item.key)) is not None:
            return kept
        try:
            client = self._endpoint.client()
            item.logprobs = self._endpoint.logprobs
            body = request_body(self._endpoint.options, item.pixels, logprobs=item.logprobs)
        except EngineFailure as error:
            return ItemError(item.key, error.code, error.message)
        except PermanentError as error:
            self._ended = error
            return None
        try:
            item.charge = self._meter.reserve(item.key, self._endpoint.options.most)
        except LonghandError as error:
            self._ended = error
            return None
        item.started = time.monotonic()
        item.first_tried = item.first_tried or item.started
        item.attempts += 1
        return pool.submit(client.post, body, item.charge)

    def _why_ended(self) -> LonghandError | None:
        return self._ended

    def _finish(self, item: _Item, future: Future[Reply]) -> Answer | None:
        """Settle one call that ended; its answer, or None where it is tried again or all calling ends."""
        try:
            reply = future.result()
        except NotSent as error:
            self._meter.refund(item.charge)
            self._refused(item, None, f"cannot be reached ({error})")
            return None
        except Lost as error:
            self._meter.settle(item.charge, None, None)
            return self._failed(item, str(error))
        except EngineFailure as error:
            self._meter.refund(item.charge)
            self._ended = error
            return None
        except BaseException:
            self._meter.settle(item.charge, None, None)
            raise
        if reply.status == 200:
            return self._read(item, reply)
        return self._turned_away(item, reply)

    def _read(self, item: _Item, reply: Reply) -> Answer:
        milliseconds = (time.monotonic() - item.started) * 1000
        answer: Answer
        usage = None
        try:
            completion = read_completion(reply.body)
        except EngineFailure as error:
            answer = ItemError(item.key, error.code, error.message)
        else:
            usage = completion.usage
            answer = self._answer(item.key, completion, milliseconds)
        self._endpoint.pacer.served()
        self._meter.settle(item.charge, usage, answer)
        return answer

    def _answer(self, key: int, completion: Completion, milliseconds: float) -> Answer:
        options = self._endpoint.options
        if completion.refusal:
            return ItemError(key, "endpoint-refusal", "The model refused to read this; another engine may not.")
        if completion.finish == "length":
            sentence = f"The answer was cut off after {options.max_tokens} tokens; raise max_tokens in endpoints.toml."
            return ItemError(key, "endpoint-cut", sentence)
        if completion.finish == "content_filter":
            return ItemError(key, "endpoint-filter", "The endpoint's filter held the answer back; use another engine.")
        usage = completion.usage or Usage()
        lines = scored_lines(completion, self._endpoint.declared.fixed_score)
        if options.mode == "pages":
            texts, chars = tuple(line.text for line in lines), tuple(line.chars for line in lines)
            return PageText(key, texts, chars, raw=completion.text, milliseconds=milliseconds, usage=usage)
        line = joined_line(lines)
        return ReadingRecord(key, line.text, line.chars, milliseconds=milliseconds, usage=usage)

    def _turned_away(self, item: _Item, reply: Reply) -> Answer | None:
        """Any status but 200."""
        endpoint, name = self._endpoint, self._endpoint.declared.name
        free = reply.status in REFUSED or 300 <= reply.status < 400 or not endpoint.declared.bills_errors
        if free:
            self._meter.refund(item.charge)
        else:
            self._meter.settle(item.charge, None, None)
        if reply.status in BUSY:
            self._refused(item, reply.retry_after, f"takes no calls at present (HTTP {reply.status})")
            return None
        if reply.status >= 500:
            endpoint.pacer.refused(reply.retry_after)
            return self._failed(item, f"it failed with HTTP {reply.status}")
        if reply.status in {400, 422} and item.logprobs and "logprob" in said(reply).lower():
            endpoint.logprobs = False  # this endpoint has none: all that follows is asked without them
            item.attempts -= 1
            self._again.append(item)
            return None
        if reply.status in OURS or 300 <= reply.status < 400:
            self._ended = EngineFailure(_remedy(name, reply), code="endpoint-refused")
            return None
        reason = said(reply) or "no reason given"
        return ItemError(item.key, "endpoint-input", f"The endpoint refused this (HTTP {reply.status}): {reason}")

    def _refused(self, item: _Item, retry_after: float | None, how: str) -> None:
        """The call was not taken, which says nothing of the item: it is tried again after a pause for all."""
        self._endpoint.pacer.refused(retry_after)
        if self._endpoint.pacer.refusals >= MOST_REFUSALS and self._ended is None:
            seconds = max(AWAY_SECONDS, self._endpoint.pacer.remaining())
            sentence = f"Endpoint “{self._endpoint.declared.name}” {how}; it is asked again in {seconds:.0f} s."
            self._ended = EndpointBusy(sentence, seconds=seconds)
        item.attempts -= 1
        self._again.append(item)

    def _failed(self, item: _Item, how: str) -> Answer | None:
        """The call was lost. The last attempt is the item's fault where others were served meanwhile, else the
        endpoint's."""
        if item.attempts < MAX_ATTEMPTS:
            self._again.append(item)
            return None
        sentence = f"Endpoint “{self._endpoint.declared.name}” was asked {item.attempts} times: {how}."
        if self._endpoint.pacer.last_success > item.first_tried:
            return ItemError(item.key, "endpoint-lost", sentence)
        self._ended = self._ended or ServiceUnavailable(sentence)
        return None


def _remedy(name: str, reply: Reply) -> str:
    """What an operator should do. The endpoint's own words on keys are left out: they tend to quote them."""
    remedies = {
        401: "the key is not accepted; check the variable or file that endpoints.toml names",
        402: "the account has no credit left; top it up",
        403: "the key may not use this model; check its rights",
        404: "there is no such address or model; check url and model in endpoints.toml",
    }
    if 300 <= reply.status < 400:
        remedy = "it redirects, which is not followed; write the final address into endpoints.toml"
    else:
        remedy = remedies.get(reply.status, "check url and model in endpoints.toml")
    return f"Endpoint “{name}” refused the call (HTTP {reply.status}): {remedy}."
