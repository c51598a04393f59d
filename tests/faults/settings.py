"""Longhand's settings with an engine that can be caught in the middle and killed by a page."""

from project.settings import *  # noqa: F403
from project.settings import ENGINES

ENGINES["starter"] = ENGINES["starter"] | {"CLASS": "tests.faults.engines.FragileStarter"}
# A page is deadly by the width of its line images (engines.py): lines must be found whole, which the classical
# segmenter does on these drawn pages, and a piece of one would kill a worker that should live.
SEGMENTERS = ["classical"]
