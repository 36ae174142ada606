"""What of a Telnyx webhook counts when two are compared: all but `meta`, the wrapping of a delivery.

`meta.attempt` counts the attempts, `meta.delivered_to` is the URL of this one (README, "Deadlines and retries"). An
event takes nothing from `meta` but its `attempt`. A `meta` of any other shape counts as it is.
"""

from providers.contents import BLANKS, WHOLE_NUMBER, member, without

# A URL as JSON may write it: printable ASCII, slashes with or without a backslash.
_URL = rb'"(?:[ !#-\[\]-~]|\\/)*+"'
_MEMBER = (
    rb'(?:"attempt"'
    + BLANKS
    + b":"
    + BLANKS
    + WHOLE_NUMBER
    + rb'|"delivered_to"'
    + BLANKS
    + b":"
    + BLANKS
    + _URL
    + b")"
)
_META = member(
    "meta",
    rb"\{" + BLANKS + _MEMBER + rb"(?:" + BLANKS + b"," + BLANKS + _MEMBER + rb")?" + BLANKS + rb"\}",
)


def content(body: bytes) -> bytes | None:
    """Return what counts of a body, None where every byte does. Never raises."""
    return without(body, "meta", _META)
