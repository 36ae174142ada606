"""Which family of opt-out word a message is, so that nobody answers what Telnyx has answered."""

from collections.abc import Mapping

from providers.fields import Json, word
from schemas.vocabulary import Autoresponse

# Source: README, section 6.
_KEYWORDS: Mapping[str, Autoresponse] = {
    **dict.fromkeys(("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit"), Autoresponse.STOP),
    **dict.fromkeys(("start", "unstop"), Autoresponse.START),
    "help": Autoresponse.HELP,
}
_PUNCTUATION = ".,;:!?\"'\u2026"
ANSWERED_WORDS = frozenset(_KEYWORDS)
_BY_TYPE: Mapping[str, Autoresponse] = {
    "stop": Autoresponse.STOP,
    "start": Autoresponse.START,
    "help": Autoresponse.HELP,
}


def autoresponse_of(payload: Json, text: str | None) -> Autoresponse | None:
    """Return the family that `autoresponse_type` names, else the one of the whole text.

    The keyword list is the fallback: old payloads have no such field, and a mistake then errs towards opting out.
    """
    said = word(payload, "autoresponse_type")
    if said is not None:
        return _BY_TYPE.get(said, Autoresponse.OTHER)
    words = " ".join((text or "").casefold().split())
    # How Telnyx treats punctuation is not documented; somebody who writes `STOP.` wants out.
    return _KEYWORDS.get(words.rstrip(_PUNCTUATION).rstrip())
