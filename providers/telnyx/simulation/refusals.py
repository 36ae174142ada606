"""Errors in Telnyx's words."""

from collections.abc import Mapping
from typing import Any

from providers.api_calls import json_answer
from providers.simulation import ApiAnswer

_TITLES: Mapping[str, str] = {
    "10003": "Invalid URL",
    "10004": "Missing required parameter",
    "10005": "Resource not found",
    "10009": "Authentication failed",
    "10010": "Authorization failed",
    "10015": "Bad Request",
    "10017": "Associated resource does not exist",
    "10018": "Invalid sort direction",
    "10023": "Invalid JSON",
    "10025": "String length out of range",
    "10026": "Invalid parameter type",
    "10027": "Unprocessable Entity",
    "10030": "Method not allowed",
    "10031": "Invalid request filter",
    "10032": "Invalid enumerated value",
    "10033": "Value outside of range",
    "40300": "Blocked due to STOP message",
    "40302": "Message too large",
    "40305": "Invalid 'from' address",
    "40310": "Invalid 'to' address",
    "40316": "No content provided for message",
    "40321": "No usable numbers on messaging profile",
    "40325": "Invalid alphanumeric sender ID",
}
_FORBIDDEN = "Forbidden"


def error(status: int, code: str, detail: str = "", *, pointer: str = "", parameter: str = "") -> ApiAnswer:
    """Return an error; `pointer` is the place in the body that is wrong, `parameter` the name in the query."""
    return _listed(status, _error(code, _TITLES[code], detail), pointer, parameter)


def bare(status: int, code: str, detail: str = "") -> ApiAnswer:
    """Return the bare error object that the cancelling of a message has in the schema."""
    return json_answer(status, _error(code, _TITLES[code], detail))


def wrong(code: str, name: str, detail: str = "") -> ApiAnswer:
    """Return the refusal of one field of the body."""
    return error(422, code, detail, pointer=f"/{name}")


def not_found() -> ApiAnswer:
    """Return the error for what is not there."""
    return error(404, "10005", "The requested resource or URL could not be found.")


def blocked(ours: str, theirs: str) -> ApiAnswer:
    """Return the refusal of a message to somebody who wrote STOP."""
    return error(403, "40300", f"Messages cannot be sent from '{ours}' to '{theirs}' due to an existing block rule.")


def unassigned(ours: str) -> ApiAnswer:
    """Return the refusal of a number without a profile: the same code with another title, as Telnyx's page has it."""
    detail = f"The from number {ours} is not assigned to a messaging profile."
    return _listed(403, _error("40300", _FORBIDDEN, detail), "/from", "")


def _error(code: str, title: str, detail: str) -> Mapping[str, Any]:
    return {"code": code, "title": title, "detail": detail or f"{title}."}


def _listed(status: int, told: Mapping[str, Any], pointer: str, parameter: str) -> ApiAnswer:
    source = {name: value for name, value in (("pointer", pointer), ("parameter", parameter)) if value}
    return json_answer(status, {"errors": [{**told, "source": source} if source else told]})
