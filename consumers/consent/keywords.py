"""What a whole message says of consent, where the provider's normalizer does not tell it. Pure."""

from collections.abc import Set as AbstractSet

from providers.keywords import opt_in_word, opt_out_word
from schemas.vocabulary import Consent


def consent_said(text: str | None, known: AbstractSet[str], more: AbstractSet[str]) -> tuple[Consent, str] | None:
    """Return the consent that a whole text gives and the word, None where it says none or the provider sees to it.

    `known` are the words, in lower case, of which the provider's normalizer makes a statement itself; `more` are those
    of `opt_out_word`. Of any spelling that a normalizer might not know the statement is made here: told twice it has
    one id, told by nobody it is lost.
    """
    if text is None or " ".join(text.split()).casefold() in known:
        return None
    if out := opt_out_word(text, more):
        return Consent.OPTED_OUT, out.upper()
    entered = opt_in_word(text)
    return (Consent.OPTED_IN, entered.upper()) if entered else None
