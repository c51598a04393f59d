"""What is sent: one message with the prompt and one image, as a data URI; and the most it may cost."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from transcription.errors import EngineFailure
from transcription.htr.records import Gray, Usage

WIDEST = 8192  # pixels of an enlarged line
SMALLEST = 32  # pixels: encoders cut images into squares of 14 to 32, and refuse what is smaller than one
TEMPLATE_TOKENS = 64  # what chat templates put around a message
JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Options:
    """What an endpoint is asked with; see `engines.endpoints.Endpoint`."""

    model: str
    mode: Literal["lines", "pages"]
    prompt: str
    max_tokens: int
    max_tokens_parameter: str
    image_detail: str
    image_height: int
    image_side: int
    image_tokens: int
    temperature: float | None
    seed: int | None

    @property
    def most(self) -> Usage:
        """Upper bound of one call: a token holds at least one byte of the prompt."""
        prompt = len(self.prompt.encode()) + TEMPLATE_TOKENS
        return Usage(tokens_in=self.image_tokens + prompt, tokens_out=self.max_tokens)


def request_body(options: Options, pixels: Gray, *, logprobs: bool) -> bytes:
    """JSON of one call. Raises EngineFailure for an image without pixels."""
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise EngineFailure("The image is empty; draw the line again.", code="empty")
    address = line_address(pixels, options.image_height) if options.mode == "lines" else page_address(pixels, options)
    image: dict[str, Any] = {"url": address}
    if options.image_detail:
        image["detail"] = options.image_detail
    content = [{"type": "text", "text": options.prompt}, {"type": "image_url", "image_url": image}]
    body: dict[str, Any] = {
        "model": options.model,
        "messages": [{"role": "user", "content": content}],
        options.max_tokens_parameter: options.max_tokens,
        "stream": False,
    }
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.seed is not None:
        body["seed"] = options.seed
    if logprobs:
        body["logprobs"] = True
    return json.dumps(body, ensure_ascii=False).encode()


def line_address(pixels: Gray, height: int) -> str:
    """A line (H, W) enlarged to ``height``, as PNG; what is too narrow for an encoder gets white beside it."""
    scale = min(height / pixels.shape[0], WIDEST / pixels.shape[1])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    lacking = [max(0, SMALLEST - side) for side in resized.shape]
    padded = np.pad(resized, [(0, lacking[0]), (0, lacking[1])], constant_values=255)
    return _address("png", ".png", padded, [])


def page_address(pixels: Gray, options: Options) -> str:
    """A page (H, W) with its longer side at most ``image_side``, as JPEG."""
    scale = min(1.0, options.image_side / max(pixels.shape))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    return _address("jpeg", ".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _address(kind: str, suffix: str, pixels: Any, settings: list[int]) -> str:
    data = cv2.imencode(suffix, pixels, settings)[1].tobytes()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
