from tests.steps.scribe import scribe
from tests.steps.surveyor import surveyor

__all__ = ["scribe", "surveyor"]
