"""Which family of opt-out word a message is, and what it says about consent. Source: README, section 6."""

from collections.abc import Mapping
from dataclasses import dataclass

from providers.contract import Settings
from providers.fields import EMPTY, Json, text, word
from providers.keywords import CARRIER_STOP_WORDS, START_WORDS, bare, keyword_of
from schemas.vocabulary import Autoresponse, Consent

_KEYWORDS: Mapping[str, Autoresponse] = {
    **dict.fromkeys(sorted(CARRIER_STOP_WORDS), Autoresponse.STOP),
    **dict.fromkeys(sorted(START_WORDS), Autoresponse.START),
    "help": Autoresponse.HELP,
}
# What is longer is no keyword but a message that Telnyx took for one, and has no place in a record of consent.
_LONGEST_KEYWORD = 40
_BY_TYPE: Mapping[str, Autoresponse] = {
    "stop": Autoresponse.STOP,
    "start": Autoresponse.START,
    "help": Autoresponse.HELP,
}
_BY_FAMILY: Mapping[Autoresponse, Consent] = {
    Autoresponse.STOP: Consent.OPTED_OUT,
    Autoresponse.START: Consent.OPTED_IN,
}
CONSENTS: Mapping[str, Consent] = {
    keyword.upper(): _BY_FAMILY[family] for keyword, family in _KEYWORDS.items() if family in _BY_FAMILY
}
"""Telnyx's keywords, the values `STOP` and `START` of `autoresponse_type` among them, and what they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a person said about being texted. `word` is Telnyx's own, `keyword` what the person wrote."""

    consent: Consent
    word: str | None
    keyword: str | None


def autoresponse_of(payload: Json, written: str | None) -> Autoresponse | None:
    """Return the family that `autoresponse_type` names, else the one of the whole text.

    The keyword list is the fallback: old payloads have no such field, and a mistake then errs towards opting out.
    """
    said = word(payload, "autoresponse_type")
    if said is not None:
        return _BY_TYPE.get(said, Autoresponse.OTHER)
    # How Telnyx treats punctuation is not documented; somebody who writes `STOP.` wants out.
    return _KEYWORDS.get(keyword_of(written) or "")


def answers(written: str, settings: Settings) -> Autoresponse | None:
    """Return the family of a text that Telnyx answers itself, as far as its documentation tells."""
    del settings  # Custom keywords are in its portal, out of our sight.
    return autoresponse_of(EMPTY, written)


def statement_of(payload: Json, written: str | None) -> Statement | None:
    """Return what a message says about consent, None where it says nothing."""
    consent = _BY_FAMILY.get(autoresponse_of(payload, written) or Autoresponse.OTHER)
    if consent is None:
        return None
    keyword = bare(written).upper()
    fits = 0 < len(keyword) <= _LONGEST_KEYWORD
    return Statement(consent=consent, word=text(payload, "autoresponse_type"), keyword=keyword if fits else None)
