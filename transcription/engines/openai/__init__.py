"""Any vision endpoint that speaks OpenAI's chat completions, under a meter that reserves and settles what calls cost."""

from transcription.engines.openai.endpoint import OpenAiEndpoint

__all__ = ["OpenAiEndpoint"]
