"""Which words opt a person out or in, and what the platform's own list says.

Source: README of this folder, "Opt-out".
"""

from collections.abc import Mapping

from providers.contract import Settings
from providers.keywords import START_WORDS, STOP_WORDS
from schemas.events import InboundMessage
from schemas.vocabulary import Autoresponse, Consent

LISTED = "blacklisted"
NOT_LISTED = "not_blacklisted"

# MessageMedia documents STOP alone.
CONSENTS: Mapping[str, Consent] = {
    "OPT_OUT_SMS": Consent.OPTED_OUT,
    LISTED: Consent.OPTED_OUT,
    NOT_LISTED: Consent.OPTED_IN,
    **{word.upper(): Consent.OPTED_OUT for word in sorted(STOP_WORDS)},
    **{word.upper(): Consent.OPTED_IN for word in sorted(START_WORDS)},
}
"""The provider's event, the two states of a number on its blacklist, and the words that people write."""

ANSWERED_WORDS = STOP_WORDS
"""Texts that no rule of ours may answer: the platform blocks the writer, and whoever wants out wants no answer."""

SCOPE = "account"
"""What an opt-out holds for: the platform keeps one blacklist an account."""

LONGEST_KEYWORD = 64
"""Characters; a longer text is no keyword, though the platform may still take it for an opt-out."""

_PUNCTUATION = ".,;:!?\"'\u2026"


def keyword_of(text: str | None) -> str | None:
    """Return the opt-out or opt-in word that the whole text is, as `CONSENTS` spells it; None for any other text."""
    if text is None or len(text) > LONGEST_KEYWORD:
        return None
    words = " ".join(text.casefold().split()).strip(_PUNCTUATION).strip()
    return words.upper() if words in STOP_WORDS or words in START_WORDS else None


def autoresponse_of(consent: Consent | None) -> Autoresponse | None:
    """Return STOP where a message opts its writer out: the platform acts on that. START and HELP are left to us."""
    return Autoresponse.STOP if consent is Consent.OPTED_OUT else None


def scope_of_message(event: InboundMessage, settings: Settings) -> str | None:
    """Return the scope of our number that a message came to: it is the same for all."""
    del event, settings
    return SCOPE
