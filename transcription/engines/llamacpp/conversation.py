"""The words around an image: our prompt in the model's own form of conversation.

A GGUF brings that form as a Jinja template, which is code of somebody else's (CVE-2024-34359 let one run commands). It
is not run: llama.cpp recognises the common forms by their words and writes them itself. A template that it does not
know is rendered in a sandbox, and only when its SHA-256 is the one that an administrator has pinned.

Nothing that was read on a page is ever put into a conversation, nor are words of a vocabulary.
"""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path

import jinja2
import llama_cpp
from jinja2.sandbox import ImmutableSandboxedEnvironment

from transcription.engines.llama_runtime import LlamaModel
from transcription.errors import WeightsError

LONGEST_PROMPT = 8_000  # characters


def read_prompt(path: Path, marker: str) -> str:
    """The prompt in a file. Raises WeightsError where it is missing, empty or holds what only we may write."""
    try:
        prompt = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"The prompt {path} cannot be read: {error}") from error
    if not prompt or len(prompt) > LONGEST_PROMPT or marker in prompt or "<|" in prompt:
        raise WeightsError(
            f"The prompt {path.name} is empty, longer than {LONGEST_PROMPT:,} characters or holds a marker of the "
            "model's; write plain sentences."
        )
    return prompt


def conversation(model: LlamaModel, prompt: str, *, marker: str, form: str = "", sha256: str = "") -> str:
    """A user's message of an image and ``prompt``, and the beginning of the answer.

    ``form`` names one of llama.cpp's own ("vicuna", "chatml" …) for a GGUF without a template, or to overrule it;
    ``sha256`` pins the GGUF's template, which is then rendered in the sandbox. Raises WeightsError where the pinned
    digest is another, or the form is unknown.
    """
    template = model.chat_template
    digest = hashlib.sha256(template.encode()).hexdigest()
    if sha256 and sha256.lower() != digest:
        raise WeightsError(
            f"The chat template of this GGUF has the SHA-256 {digest}, not the pinned {sha256.lower()}: it was "
            "changed. Fetch the model again, or look at the template and pin it anew."
        )
    message = f"{marker}\n{prompt}"
    pinned = bool(sha256) and not form
    text = _rendered(model, template, message) if pinned else _recognised(form or template, message)
    if text is None:
        raise WeightsError(
            f"llama.cpp does not know the chat template of this GGUF (SHA-256 {digest}). Name one of its own forms in "
            "the option `form`, or look at the template and pin it in the option `template_sha256`."
            if template or form
            else "This GGUF has no chat template; name one of llama.cpp's forms in the option `form`, such as vicuna."
        )
    if text.count(marker) != 1 or prompt not in text:
        raise WeightsError("The chat template of this GGUF changes the prompt or loses the image; name a `form`.")
    return text


def _recognised(template: str, message: str) -> str | None:
    """Written by llama.cpp in the form that ``template`` names or looks like; None where it knows none such."""
    if not template:
        return None
    chat = (llama_cpp.llama_chat_message * 1)(llama_cpp.llama_chat_message(b"user", message.encode()))
    room = 2 * len(message.encode()) + 1024
    buffer = ctypes.create_string_buffer(room)
    length = llama_cpp.llama_chat_apply_template(template.encode(), chat, 1, True, buffer, room)
    return buffer.raw[:length].decode() if 0 <= length <= room else None


def _rendered(model: LlamaModel, template: str, message: str) -> str:
    def refuse(reason: str) -> str:
        raise jinja2.TemplateError(reason)

    begin, end = (_name(model, token) for token in (model.begin, model.end))
    try:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        text = environment.from_string(template).render(
            messages=[{"role": "user", "content": message}],
            add_generation_prompt=True,
            bos_token=begin,
            eos_token=end,
            raise_exception=refuse,
        )
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise WeightsError(f"The chat template of this GGUF cannot be rendered: {error}") from error
    return text.removeprefix(begin) if begin else text  # the tokeniser adds it


def _name(model: LlamaModel, token: int) -> str:
    return llama_cpp.llama_vocab_get_text(model.vocabulary, token).decode("utf-8", "replace") if token >= 0 else ""
