"""The same with a segmenter that turns pages and finds spreads."""

from tests.faults.settings import *  # noqa: F403
from tests.faults.settings import ENGINES

ENGINES["spreads"] = ENGINES["classical"] | {"CLASS": "tests.faults.engines.SpreadSegmenter"}
SEGMENTERS = ["spreads"]
