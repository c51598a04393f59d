"""GGUF vision models (Qwen-VL, LLaVA, MiniCPM-V, Gemma …) through llama.cpp, as readers of lines and of pages."""

from transcription.engines.llamacpp.engine import LlamaCpp

__all__ = ["LlamaCpp"]
