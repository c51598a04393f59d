"""TrOCR and its kin: vision encoder-decoders that read one line as text, token by token.

Li et al., "TrOCR: Transformer-based optical character recognition with pre-trained models", AAAI 2023.
"""

from transcription.engines.trocr.engine import TrOcr

__all__ = ["TrOcr"]
