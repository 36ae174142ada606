"""Errors in Syniverse's words."""

from providers.api_calls import json_answer
from providers.simulation import ApiAnswer

_TITLES = {
    "1001": "Stale data - Concurrent resource update. Refresh the resource and retry.",
    "1011": "Unique key constraint violation",
    "401": "Invalid access token",
    "4001": "Required parameter {} missing or is null",
    "4003": "Parameter {} has a wrong value",
    "4006": "Parameter {} is too long",
    "4010": "Access token is not for this resource",
    "4030": "Not allowed in the present state",
    "4032": "Attachment is not in the right state",
    "404": "Resource not found",
    "4046": "Access token expired",
    "405": "Method not allowed",
    "40010": "Media URLs and attachments together",
    "40015": "Too many recipients",
    "40018": "Bad sender",
    "40030": "Only UPLOADED attachments can be downloaded",
}


def error(status: int, code: str, name: str = "") -> ApiAnswer:
    """Return an error; `name` is the parameter that is wrong."""
    return json_answer(status, {"error_code": code, "error_description": _TITLES[code].format(name)})


def missing(name: str) -> ApiAnswer:
    """Return the error for a parameter that is not there."""
    return error(400, "4001", name)


def not_found() -> ApiAnswer:
    """Return the error for what is not there."""
    return error(404, "404")


def wrong_method() -> ApiAnswer:
    """Return the error for a known path and another method."""
    return error(405, "405")
