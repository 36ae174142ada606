"""Variables of the template language that the platform could not fill in and left as their own text."""

import re

_LONGEST = 256
# `$name`, `$!name`, `${name}`, `$metadata.get('key')`, `$esc.json($name)`: a reference and nothing else.
_ARGUMENTS = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_REFERENCE = re.compile(
    rf"\$!?(?:\{{(?P<braced>[A-Za-z][\w-]*)[^{{}}]*\}}|(?P<plain>[A-Za-z][\w-]*)(?:\.[A-Za-z]\w*(?:{_ARGUMENTS})?)*)",
    re.ASCII,
)
# The texts that a template can put where a person's words stand.
_TEXTS = frozenset({"mtContent", "messageContent", "moContent", "replyContent"})
_ESCAPED = re.compile(r"\$!?\{?esc\.[A-Za-z]\w*\((?P<inner>.*)\)\}?", re.ASCII | re.DOTALL)
_REPLY_ID = re.compile(r"\$!?\{?(?:replyId|moId)\b", re.ASCII)


def variable_of(value: object) -> str | None:
    """Return the name of the variable that a text is a bare reference to; None for anything else."""
    if not isinstance(value, str) or "$" not in value or len(value) > _LONGEST:
        return None
    found = _REFERENCE.fullmatch(value.strip())
    return None if found is None else found["braced"] or found["plain"]


def is_absent(value: object) -> bool:
    """Tell whether a value stands for none: null, an empty text, or a variable that was not filled in."""
    return value is None or (isinstance(value, str) and not value.strip()) or variable_of(value) is not None


def is_absent_text(value: object) -> bool:
    """Tell the same of what a person wrote: `$cash` and `$type` are texts like any other, `$replyContent` is not."""
    return value is None or value == "" or _unescaped(value) in _TEXTS


def is_unfilled_reply_id(value: object) -> bool:
    """Tell whether a value is the variable of a reply's id, which opt-outs alone among people's messages lack."""
    return isinstance(value, str) and variable_of(value) is not None and _REPLY_ID.search(value) is not None


def _unescaped(value: object) -> str | None:
    """Return the name of a variable, of the one inside where it is escaped."""
    escaped = _ESCAPED.fullmatch(value.strip()) if isinstance(value, str) and variable_of(value) == "esc" else None
    return variable_of(value if escaped is None else escaped["inner"])
