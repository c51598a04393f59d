"""Longhand's settings with an engine that breaks its contract in every way, each on lines of one width."""

from project.settings import *  # noqa: F403
from project.settings import ENGINES

ENGINES["starter"] = {"CLASS": "tests.engines.planted.Treacherous", "VERSION": "1", "READS": ["lines"]}
