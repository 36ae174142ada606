"""What a whole message says: the words by which people opt out, opt in and ask for help, and how texts are compared.

The normalizers of the providers, the book of consent and the rules of replies all read a text here, so that none of
them takes a text for a word that the others do not see. Words are in lower case. A provider's own table begins with
these, and adds or leaves out what its documentation says.
"""

import re
import unicodedata
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

CARRIER_STOP_WORDS = frozenset({"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit"})
"""Those of the carriers in the United States (CTIA Messaging Principles, 5.1.3)."""

STOP_WORDS = CARRIER_STOP_WORDS | {"revoke", "optout", "opt out", "opt-out"}
"""With those that the law of the United States names (47 CFR 64.1200(a)(10)): a mistake errs towards opting out."""

START_WORDS = frozenset({"start", "unstop"})
"""The words that undo an opt-out."""

HELP_WORDS = frozenset({"help", "info"})
"""The words that ask who it is that writes."""

LONGEST_KEYWORD = 64
"""Characters; a longer text is no keyword. Blanks around it, and what nobody sees, do not count."""

_LONGEST_READ = 2000
# What is drawn as nothing (Unicode's Default_Ignorable_Code_Point), and control characters that are no blanks.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Punctuation, symbols (emoji among them), blanks and control characters, and what is drawn around a sign (keycaps); not
# the marks that are a part of a letter.
_AROUND = frozenset("PSZC")
_ENCLOSING = "Me"
# Letters as white ones on black circles and squares, which NFKC leaves as they are: phones offer some as emoji.
_BLACK = re.compile("[\U0001f150-\U0001f169\U0001f170-\U0001f189]")
_HYPHEN = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")


def folded(text: str, longest: int = LONGEST_KEYWORD) -> str | None:
    """Return a text as texts are compared: letter case, width, blanks and what nobody sees do not count.

    Nor do circles around letters, and the kind of a hyphen. None for a text of more than `longest` characters: to
    compose a long run of combining characters takes quadratic time.
    """
    words = _seen(text)
    if len(words) > longest:
        return None
    return " ".join(unicodedata.normalize("NFKC", words).casefold().translate(_HYPHEN).split())


def bare(text: str | None) -> str:
    """Return a text folded, and without whatever stands around it; empty where it is too long for a keyword."""
    words = _seen(text or "")
    return "" if len(words) > _LONGEST_READ else _inside(folded(_inside(words)) or "")


def words_of(words: Iterable[str]) -> frozenset[str]:
    """Return words of a configuration as texts are compared with them."""
    return frozenset(word for one in words if (word := folded(one)))


def opt_out_word(text: str | None, more: AbstractSet[str] = frozenset()) -> str | None:
    """Return the word by which a whole text opts out; None where it does not.

    `more` are words besides those of the carriers and of the law. Whatever stands around the word is looked over: a
    mistake errs towards silence.
    """
    return next((word for word in sorted(_readings(text)) if word in STOP_WORDS or word in more), None)


def opt_in_word(text: str | None) -> str | None:
    """Return the word by which a whole text opts in: the word by itself, as a guess must undo no opt-out."""
    word = folded(text or "")
    return word if word in START_WORDS else None


def help_word(text: str | None) -> str | None:
    """Return the word by which a whole text asks for help, whatever stands around it; None where it does not."""
    return next((word for word in sorted(_readings(text)) if word in HELP_WORDS), None)


def keyword_of(text: str | None) -> str | None:
    """Return the word of any of the three families that a whole text is; None for any other text."""
    return opt_out_word(text) or opt_in_word(text) or help_word(text)


def _seen(text: str) -> str:
    return " ".join(_BLACK.sub(_on_white, _UNSEEN.sub("", text)).split())


def _on_white(letter: re.Match[str]) -> str:
    return chr(ord("a") + (ord(letter[0]) - 0x1F150) % 32)


def _readings(text: str | None) -> AbstractSet[str]:
    """Return what a text says, letters on black taken for letters, and for signs such as that of a car park."""
    readings = {bare(text)}
    if text and _BLACK.search(text):
        readings.add(bare(_BLACK.sub(" ", text)))
    return readings - {""}


def _inside(text: str) -> str:
    """Return a text from its first to its last letter or digit, with the marks of the last one."""
    first, last = 0, len(text)
    while first < last and _is_around(text[first]):
        first += 1
    while last > first and _is_around(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_around(char: str) -> bool:
    kind = unicodedata.category(char)
    if kind == "So":
        # A letter in a circle or a square is a symbol too, and yet a letter of the word.
        plain = unicodedata.normalize("NFKC", char)
        return not (len(plain) == 1 and plain.isascii() and plain.isalpha())
    return kind[0] in _AROUND or kind == _ENCLOSING
