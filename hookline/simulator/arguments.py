"""Kinds of arguments that the simulator and the demo share; argparse turns the errors into usage lines."""

import argparse
import ipaddress
import math
from collections.abc import Callable
from urllib.parse import urlsplit

from providers.simulation import Misbehavior


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


def count(text: str) -> int:
    """Return a whole number from 0 on. Raises ArgumentTypeError."""
    return int(_number(text, int, lambda value: value >= 0, "a whole number from 0 on"))


def address(text: str) -> tuple[str, int]:
    """Return the host and port of `HOST:PORT`; an IPv6 host stands in brackets. Raises ArgumentTypeError."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or set(text) & set("/?#@"):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, port


def misbehavior(text: str) -> tuple[Misbehavior, int]:
    """Return a kind of misbehavior and how often, of `KIND` or `KIND:TIMES`. Raises ArgumentTypeError."""
    kind, colon, times = text.partition(":")
    try:
        return Misbehavior(kind), whole(times) if colon else 1
    except ValueError as error:
        kinds = ", ".join(Misbehavior)
        raise argparse.ArgumentTypeError(f"{kind!r} is no misbehavior; there are: {kinds}") from error


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and no other can reach it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _number(text: str, kind: type, fits: Callable[[float], bool], wanted: str) -> float:
    try:
        value: float = kind(text)
    except ValueError:
        value = math.nan
    if not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value
