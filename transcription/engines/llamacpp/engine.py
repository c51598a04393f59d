"""A GGUF vision model as an engine: a line's image to its text, a page's image to its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcription.engines.llama_runtime import LlamaContext, LlamaModel
from transcription.engines.llamacpp.conversation import conversation, read_prompt
from transcription.engines.llamacpp.decoding import Answer, Decoder, Task
from transcription.engines.llamacpp.embedding_cache import SHARED
from transcription.engines.llamacpp.grammar import line_grammar, page_grammar
from transcription.engines.llamacpp.vision import MARKER, Vision, is_projector
from transcription.errors import WeightsError
from transcription.htr.machine_answers import ScoredText, answered_line, answered_lines, joined_tokens
from transcription.htr.records import Gray, Hints, ItemError, LineImage, PageImage, PageText, ReadingRecord, Usage

PROMPTS = Path(__file__).parents[1] / "prompts"
LONGEST_LINE = 400  # characters a grammar allows
MOST_LINES = 200
MOST_PIXELS = 64 * 2**20  # of one image; what is larger is no line and no page that a model was made for
# Tokens that a line may take: some for what is short, and one for each stretch of it as wide as an eighth of its
# height, narrower than any letter.
_SPARE_TOKENS, _TOKENS_A_HEIGHT = 16, 8
_REPEATED_SCORE = 0.2  # at most, of an answer that was cut because it went round in circles


@dataclass(frozen=True, slots=True)
class _Loaded:
    """``contexts`` are made when lines, or a page, first need one."""

    model: LlamaModel
    vision: Vision
    contexts: dict[str, LlamaContext]
    conversations: dict[str, str]


class LlamaCpp:
    """Reads with the model and the mmproj file in the folder ``model``.

    What it reads depends on: ``prompts``, the files of the prompts for a line and for a page; ``form`` and
    ``template_sha256``, see `conversation`; ``context`` and ``page_context``, tokens that an image, its prompt and its
    answer may take together; ``max_tokens`` and ``page_max_tokens``, those of the answer; ``image_min_tokens`` and
    ``image_max_tokens``, those of an image where the model lets them vary (handwriting wants many); ``grammar``, which
    holds answers to lines of a bounded length; ``repeats``, how often in a row the same may be said; and the seconds
    after which a line or a page is given up.

    How fast: ``sequences``, lines read side by side (a context for each is kept in memory); ``threads``;
    ``n_gpu_layers`` (−1: all), the vision part goes to the GPU with them; ``cache_mb``, encoded images that this
    process keeps, of all such engines together.

    Hints are not used: nothing but our prompt and the image goes into the model.
    Raises WeightsError where files are missing, damaged or do not belong together.
    """

    def __init__(
        self,
        model: Path,
        *,
        model_file: str = "",
        projector_file: str = "",
        prompts: Sequence[Path] = (PROMPTS / "line-v1.txt", PROMPTS / "page-v1.txt"),
        form: str = "",
        template_sha256: str = "",
        context: int = 2048,
        page_context: int = 8192,
        max_tokens: int = 400,
        page_max_tokens: int = 3072,
        image_min_tokens: int = 0,
        image_max_tokens: int = 0,
        grammar: bool = False,
        repeats: int = 4,
        seconds: float = 120.0,
        page_seconds: float = 900.0,
        sequences: int = 4,
        threads: int = 1,
        n_gpu_layers: int = 0,
        cache_mb: int = 256,
    ) -> None:
        self._model_path, self._projector_path = pair_in(Path(model), model_file, projector_file)
        if len(prompts) != 2:
            raise WeightsError("This engine takes two prompts: one for a line and one for a page.")
        self._prompts = {"line": read_prompt(prompts[0], MARKER), "page": read_prompt(prompts[1], MARKER)}
        self._form, self._sha256 = form, template_sha256
        self._lengths = {"line": context, "page": page_context}
        self._most = {"line": max_tokens, "page": page_max_tokens}
        self._seconds = {"line": seconds, "page": page_seconds}
        self._sequences = {"line": max(1, sequences), "page": 1}
        self._image_tokens = (image_min_tokens, image_max_tokens)
        self._grammar = grammar
        self._repeats = max(2, repeats)
        self._threads, self._gpu_layers = threads, n_gpu_layers
        SHARED.room = cache_mb * 2**20
        self._loaded: _Loaded | None = self._load()

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Readings of lines, in the order in which their answers end."""
        errors: list[ItemError] = []
        tasks = self._tasks("line", ((crop.key, crop.pixels) for crop in crops), errors)
        for result in self._decoder("line").answers(tasks):
            yield from _taken(errors)
            yield result if isinstance(result, ItemError) else _reading(result)
        yield from _taken(errors)

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[PageText | ItemError]:
        """The lines of whole pages, one page after the other."""
        errors: list[ItemError] = []
        tasks = self._tasks("page", ((page.key, page.pixels) for page in pages), errors)
        for result in self._decoder("page").answers(tasks):
            yield from _taken(errors)
            yield result if isinstance(result, ItemError) else _page_text(result)
        yield from _taken(errors)

    def release(self) -> None:
        """Give all memory back; the next reading loads the model again."""
        if self._loaded is None:
            return
        for context in self._loaded.contexts.values():
            context.close()
        self._loaded.vision.close()
        self._loaded.model.close()
        self._loaded = None
        SHARED.clear()

    def _load(self) -> _Loaded:
        model = LlamaModel(self._model_path, n_gpu_layers=self._gpu_layers)
        try:
            conversations = {
                mode: conversation(model, prompt, marker=MARKER, form=self._form, sha256=self._sha256)
                for mode, prompt in self._prompts.items()
            }
            least, most = self._image_tokens
            vision = Vision(
                self._projector_path,
                model,
                cache=SHARED,
                least=least,
                most=most,
                threads=self._threads,
                on_gpu=self._gpu_layers != 0,
            )
        except WeightsError:
            model.close()
            raise
        return _Loaded(model, vision, {}, conversations)

    def _decoder(self, mode: str) -> Decoder:
        if self._loaded is None:
            self._loaded = self._load()
        contexts = self._loaded.contexts
        if mode not in contexts:
            contexts[mode] = LlamaContext(
                self._loaded.model,
                sequences=self._sequences[mode],
                length=self._lengths[mode],
                threads=self._threads,
            )
        return Decoder(self._loaded.vision, contexts[mode], times=self._repeats)

    def _tasks(self, mode: str, images: Iterable[tuple[int, Gray]], errors: list[ItemError]) -> Iterator[Task]:
        """What there is to answer; images that are none go to ``errors``."""
        assert self._loaded is not None
        text = self._loaded.conversations[mode]
        for key, pixels in images:
            if pixels.ndim != 2 or 0 in pixels.shape or pixels.size > MOST_PIXELS:
                errors.append(ItemError(key, "bad-crop", f"The image has the shape {pixels.shape}, not (H, W) pixels."))
                continue
            most = self._most[mode]
            if mode == "line":
                height, width = pixels.shape
                most = min(most, _SPARE_TOKENS + _TOKENS_A_HEIGHT * width // height)
            rules = ""
            if self._grammar:
                rules = line_grammar(LONGEST_LINE) if mode == "line" else page_grammar(LONGEST_LINE, MOST_LINES)
            yield Task(key, pixels, text, most, self._seconds[mode], rules)


def pair_in(folder: Path, model_file: str = "", projector_file: str = "") -> tuple[Path, Path]:
    """The model and the mmproj file of a folder, by name or by what their metadata say they are.

    Raises WeightsError when there is not exactly one of each.
    """
    found = sorted(folder.glob("*.gguf")) if not (model_file and projector_file) else []
    projectors = [folder / projector_file] if projector_file else [path for path in found if is_projector(path)]
    models = [folder / model_file] if model_file else [path for path in found if path not in projectors]
    if len(models) != 1 or len(projectors) != 1:
        raise WeightsError(
            f"{folder} holds {len(models)} language models and {len(projectors)} vision encoders (mmproj) as GGUF "
            "files; there must be one of each, or the options model_file and projector_file name them."
        )
    for path in (models[0], projectors[0]):
        if not path.is_file() or path.parent != folder:
            raise WeightsError(f"{path} is missing; add the model again.")
    return models[0], projectors[0]


def _scored(answer: Answer) -> ScoredText:
    text = joined_tokens(answer.tokens)
    if answer.end != "repetition":
        return text
    return ScoredText(text.text, tuple(min(score, _REPEATED_SCORE) for score in text.chars))


def _reading(answer: Answer) -> ReadingRecord:
    line = answered_line(_scored(answer))
    usage = Usage(answer.tokens_in, answer.tokens_out)
    return ReadingRecord(answer.key, line.text, line.chars, milliseconds=answer.milliseconds, usage=usage)


def _page_text(answer: Answer) -> PageText:
    whole = _scored(answer)
    lines = answered_lines(whole)
    return PageText(
        answer.key,
        tuple(line.text for line in lines),
        tuple(line.chars for line in lines),
        raw=whole.text,
        milliseconds=answer.milliseconds,
        usage=Usage(answer.tokens_in, answer.tokens_out),
    )


def _taken(errors: list[ItemError]) -> list[ItemError]:
    """What is in ``errors``, which is empty then."""
    taken = errors[:]
    errors.clear()
    return taken
