"""What of a Syniverse webhook counts when two are compared: all but `attempt`, which a retry raises.

An event takes nothing from it but its own `attempt`. Source: README, section "Deadlines and retries".
"""

from providers.contents import WHOLE_NUMBER, member, without

# One published body has the number as text.
_ATTEMPT = member("attempt", rb"(?:" + WHOLE_NUMBER + rb'|"[0-9]{1,18}+")')


def content(body: bytes) -> bytes | None:
    """Return what counts of a body, one event or a list of them; None where every byte does. Never raises."""
    return without(body, "attempt", _ATTEMPT, lists=True)
