"""The page on threats names tests and settings that are there."""

import re
from dataclasses import fields
from pathlib import Path

from hookline.configuration.config import TABLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_is_there() -> None:
    """What holds a promise may move, and the page moves with it."""
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert len(named) > 10
    assert named <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}


def test_the_settings_of_the_way_in_are_named() -> None:
    """Those that are there for safety alone."""
    known = {item.name for item in fields(TABLES["server"])}
    wanted = {
        "trusted_proxies",
        "refused_per_minute",
        "tls_certfile",
        "tls_keyfile",
        "max_connections",
        "max_body_bytes",
    }
    assert wanted <= known
    assert wanted <= set(re.findall(r"`(\w+)(?: = \d+)?`", PAGE))
