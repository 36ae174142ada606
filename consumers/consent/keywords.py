"""What a message says of consent where its provider's normalizer does not know the word. Pure."""

import string
import unicodedata
from collections.abc import Set as AbstractSet

from providers.keywords import START_WORDS, STOP_WORDS
from schemas.vocabulary import Consent

LONGEST_KEYWORD = 64
"""Characters; a longer text is no keyword."""

_AROUND = string.punctuation + "\u2026\u2018\u2019\u201c\u201d\u3002\uff01\u00a1"


def consent_said(text: str | None, known: AbstractSet[str], more: AbstractSet[str]) -> tuple[Consent, str] | None:
    """Return the consent that a whole text gives and the word, None where it says none or the provider sees to it.

    `known` are the words, in lower case, of which the provider's normalizer makes a statement itself; `more` opt out
    besides the words of the carriers and of the law. Punctuation around a word is looked over for an opt-out alone: a
    mistake errs towards silence.
    """
    if text is None or len(text) > LONGEST_KEYWORD:
        return None
    plain = normalized(text)
    word = plain.strip(_AROUND).strip()
    if not plain or plain in known:
        return None
    if word in STOP_WORDS or word in more:
        return Consent.OPTED_OUT, word.upper()
    return (Consent.OPTED_IN, plain.upper()) if plain in START_WORDS else None


def normalized(text: str) -> str:
    """Return a word as words are compared: letter case, inner blanks and width do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
