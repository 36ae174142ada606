"""What a whole message says of consent, for the book and for the rules of replies alike. Pure."""

import string
import unicodedata
from collections.abc import Set as AbstractSet

from providers.keywords import START_WORDS, STOP_WORDS
from schemas.vocabulary import Consent

LONGEST_KEYWORD = 64
"""Characters; a longer text is no keyword."""

_AROUND = string.punctuation + "…‘’“”„«»‹›。！？、¡¿‼⁇⁈⁉ "  # noqa: RUF001 - people write these too


def opt_out_word(text: str | None, more: AbstractSet[str] = frozenset()) -> str | None:
    """Return the word, in lower case, by which a whole text opts out; None where it does not.

    `more` are words besides those of the carriers and of the law. Whatever stands around the word is looked over: a
    mistake errs towards silence.
    """
    word = _plain(text).strip(_AROUND).strip()
    return word if word and (word in STOP_WORDS or word in more) else None


def opt_in_word(text: str | None) -> str | None:
    """Return the word, in lower case, by which a whole text opts in: the bare word, as a guess must undo no opt-out."""
    word = _plain(text)
    return word if word in START_WORDS else None


def consent_said(text: str | None, known: AbstractSet[str], more: AbstractSet[str]) -> tuple[Consent, str] | None:
    """Return the consent that a whole text gives and the word, None where it says none or the provider sees to it.

    `known` are the words, in lower case, of which the provider's normalizer makes a statement itself; `more` are those
    of `opt_out_word`.
    """
    if _plain(text) in known:
        return None
    if out := opt_out_word(text, more):
        return Consent.OPTED_OUT, out.upper()
    entered = opt_in_word(text)
    return (Consent.OPTED_IN, entered.upper()) if entered else None


def _plain(text: str | None) -> str:
    return "" if text is None or len(text) > LONGEST_KEYWORD else normalized(text)


def normalized(text: str) -> str:
    """Return a word as words are compared: letter case, inner blanks and width do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
