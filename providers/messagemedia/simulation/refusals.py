"""Errors in MessageMedia's words."""

from providers.api_calls import json_answer
from providers.simulation import ApiAnswer

UNPARSABLE = "Request failed to parse correctly. Please ensure input is valid and try again."
NOT_FOUND = "Resource not found."
NO_ENTITY = "Entity not found"
NOT_AUTHENTICATED = "Invalid authentication credentials"


def error(status: int, message: str, *details: str) -> ApiAnswer:
    """Return an error; `details` begin with a pointer to what is wrong."""
    return json_answer(status, {"message": message, "details": list(details)} if details else {"message": message})
