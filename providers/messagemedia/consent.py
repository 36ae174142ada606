"""Which words opt a person out or in, and what the platform's own list says.

Source: README of this folder, "Opt-out".
"""

from collections.abc import Mapping

from providers.contract import Settings
from providers.keywords import START_WORDS, STOP_WORDS, opt_in_word, opt_out_word
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

SCOPE = "account"
"""What an opt-out holds for: the platform keeps one blacklist an account."""


def keyword_of(text: str | None) -> str | None:
    """Return the opt-out or opt-in word that the whole text is, as `CONSENTS` spells it; None for any other text."""
    word = opt_out_word(text) or opt_in_word(text)
    return word.upper() if word else None


def autoresponse_of(consent: Consent | None) -> Autoresponse | None:
    """Return STOP where a message opts its writer out: no rule of ours may answer it. START and HELP are left to us.

    The platform blocks the writer, and whoever wants out wants no answer.
    """
    return Autoresponse.STOP if consent is Consent.OPTED_OUT else None


def answers(text: str, settings: Settings) -> Autoresponse | None:
    """Return the family of a text that the platform sees to, as the normalizer has it."""
    del settings  # It is the same for all accounts.
    return autoresponse_of(CONSENTS.get(keyword_of(text) or ""))


def scope_of_message(event: InboundMessage, settings: Settings) -> str | None:
    """Return the scope of our number that a message came to: it is the same for all."""
    del event, settings
    return SCOPE
