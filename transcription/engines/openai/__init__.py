"""Any vision endpoint that speaks OpenAI's chat completions, under a meter that keeps count of what calls cost."""

from transcription.engines.openai.endpoint import OpenAiEndpoint

__all__ = ["OpenAiEndpoint"]
