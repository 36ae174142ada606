"""What a message says of its author's consent, who answers it, and the words of Syniverse's consent records.

Sources: README, sections 12.6 and 12.10 to 12.14.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.vocabulary import Autoresponse, Consent, ConsentSource

CONSENTS: Mapping[str, Consent] = {
    "NONE": Consent.UNKNOWN,
    "OPTIN": Consent.OPTED_IN,
    "WHITELIST": Consent.OPTED_IN,
    "OPTOUT": Consent.OPTED_OUT,
    "BLACKLIST": Consent.OPTED_OUT,
}
SOURCES: Mapping[str, ConsentSource] = {
    "MESSAGE": ConsentSource.MESSAGE,
    "CARRIER": ConsentSource.PROVIDER,
    "COMPANY": ConsentSource.COMPANY,
}
USER = "USER"
SCG = "SCG"
UNSOLICITED = "SCG_UNSOLICITED_OPT_OUT"
MANAGERS = (USER, SCG, UNSOLICITED)
"""Who keeps the consents of a sender id: the values of `consent_managed_by`, the first being the default."""

# Those of the carriers in the United States.
_CARRIERS_OUT = frozenset({"STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
# With those that the law of the USA names (47 CFR 64.1200(a)(10)): a mistake errs towards opting out.
_OUT = _CARRIERS_OUT | {"REVOKE", "OPTOUT", "OPT OUT", "OPT-OUT"}
_IN = frozenset({"START", "UNSTOP"})
# Somebody who writes `STOP.` or `"STOP"` wants out.
_PUNCTUATION = ".,;:!?\"'\u2018\u2019\u201c\u201d\u2026"
_LONGEST_TEXT = 64
# The words that Syniverse acts on and answers itself. Nobody has told that it knows those of the law.
_ANSWERED: Mapping[str, frozenset[str]] = {
    SCG: _CARRIERS_OUT | _IN,
    UNSOLICITED: frozenset({"STOP", "END", "QUIT", "CANCEL"}),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a whole message says of consent: the word, and which family it is of."""

    keyword: str
    family: Autoresponse

    @property
    def consent(self) -> Consent:
        """The consent that the word gives."""
        return Consent.OPTED_OUT if self.family is Autoresponse.STOP else Consent.OPTED_IN


def statement_of(text: str | None) -> Statement | None:
    """Return what a message says of consent: the whole text is one of the words, whatever its case and quotes."""
    if text is None or len(text) > _LONGEST_TEXT:
        return None
    word = " ".join(text.upper().split()).strip(_PUNCTUATION).strip()
    if word in _OUT:
        return Statement(word, Autoresponse.STOP)
    return Statement(word, Autoresponse.START) if word in _IN else None


def autoresponse_of(statement: Statement | None, manager: object) -> Autoresponse | None:
    """Return the family of the word where Syniverse answers it itself, by who keeps the consents."""
    answered = _ANSWERED.get(manager.upper(), frozenset[str]()) if isinstance(manager, str) else frozenset[str]()
    return statement.family if statement is not None and statement.keyword in answered else None


def scope_of(sender_id: str | None) -> str:
    """Return what a consent holds for: it is kept for each sender id; without one it holds for the account."""
    return f"sender:{sender_id}" if sender_id else "account"
