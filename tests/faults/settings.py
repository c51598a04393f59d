"""Longhand's settings with an engine that can be caught in the middle and killed by a page."""

from project.settings import *  # noqa: F403
from project.settings import ENGINES

ENGINES["starter"] = ENGINES["starter"] | {"CLASS": "tests.faults.engines.FragileStarter"}
