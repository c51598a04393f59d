from tests.steps.scribe import scribe

__all__ = ["scribe"]
