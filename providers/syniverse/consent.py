"""What a message says of its author's consent, who answers it, and the words of Syniverse's consent records.

Sources: README, sections 12.6 and 12.10 to 12.14.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from providers.contract import Settings
from providers.keywords import CARRIER_STOP_WORDS, START_WORDS, STOP_WORDS, opt_in_word, opt_out_word
from schemas.events import InboundMessage
from schemas.vocabulary import Autoresponse, Consent, ConsentSource

KEYWORDS: Mapping[str, Consent] = {
    **dict.fromkeys((word.upper() for word in sorted(STOP_WORDS)), Consent.OPTED_OUT),
    **dict.fromkeys((word.upper() for word in sorted(START_WORDS)), Consent.OPTED_IN),
}
"""What people write: a message that is one of these words."""

STATES: Mapping[str, Consent] = {
    "NONE": Consent.UNKNOWN,
    "OPTIN": Consent.OPTED_IN,
    "WHITELIST": Consent.OPTED_IN,
    "OPTOUT": Consent.OPTED_OUT,
    "BLACKLIST": Consent.OPTED_OUT,
}
"""What Syniverse's consent records say."""

CONSENTS: Mapping[str, Consent] = {**STATES, **KEYWORDS}
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

# The words that Syniverse acts on and answers itself. Nobody has told that it knows those of the law.
_ANSWERED: Mapping[str, frozenset[str]] = {
    SCG: frozenset(word.upper() for word in CARRIER_STOP_WORDS | START_WORDS),
    UNSOLICITED: frozenset({"STOP", "END", "QUIT", "CANCEL"}),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a whole message says of consent: the word, and the consent that it gives."""

    keyword: str
    consent: Consent

    @property
    def family(self) -> Autoresponse:
        """The family that the word is of."""
        return Autoresponse.STOP if self.consent is Consent.OPTED_OUT else Autoresponse.START


def statement_of(text: str | None) -> Statement | None:
    """Return what a message says of consent: the whole text is one of the words."""
    word = (opt_out_word(text) or opt_in_word(text) or "").upper()
    consent = KEYWORDS.get(word)
    return Statement(word, consent) if consent is not None else None


def autoresponse_of(statement: Statement | None, manager: object) -> Autoresponse | None:
    """Return the family of the word where Syniverse answers it itself, by who keeps the consents."""
    answered = _ANSWERED.get(manager.upper(), frozenset[str]()) if isinstance(manager, str) else frozenset[str]()
    return statement.family if statement is not None and statement.keyword in answered else None


def answers(text: str, settings: Settings) -> Autoresponse | None:
    """Return the family of a text that Syniverse answers itself, as the normalizer has it."""
    return autoresponse_of(statement_of(text), settings.get("consent_managed_by"))


def scope_of(sender_id: str | None) -> str:
    """Return what a consent holds for: it is kept for each sender id; without one it holds for the account."""
    return f"sender:{sender_id}" if sender_id else "account"


def scope_of_message(event: InboundMessage, settings: Settings) -> str | None:
    """Return the scope of our number that a message came to, None where the event names no sender id."""
    del settings  # The event says it, or nobody does.
    return scope_of(event.sender_id) if event.sender_id else None
