"""Kinds of arguments that the simulator and the demo share; argparse turns the errors into usage lines."""

import argparse
import math
from collections.abc import Callable
from urllib.parse import urlsplit


def url(text: str) -> str:
    """Return an http or https URL. Raises ArgumentTypeError."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is not an http:// or https:// URL")
    return text


def positive(text: str) -> float:
    """Return a number above 0. Raises ArgumentTypeError."""
    return _number(text, float, lambda value: math.isfinite(value) and value > 0, "a number above 0")


def whole(text: str) -> int:
    """Return a whole number from 1 on. Raises ArgumentTypeError."""
    return int(_number(text, int, lambda value: value >= 1, "a whole number from 1 on"))


def _number(text: str, kind: type, fits: Callable[[float], bool], wanted: str) -> float:
    try:
        value: float = kind(text)
    except ValueError:
        value = math.nan
    if not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value
