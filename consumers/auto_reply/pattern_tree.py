"""The text of a pattern as a tree. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

DEEPEST = 20
"""Groups within groups."""

MOST = 200
"""The highest count of a repetition."""

MOST_IN_SET = 20
"""Ranges and classes of one set; single characters cost nothing, however many there are."""

Test: TypeAlias = Callable[[str], bool]


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


class Anchor(StrEnum):
    """What takes no character: a place in the text."""

    START = "^"
    END = "$"
    EDGE = "b"
    INSIDE = "B"


@dataclass(frozen=True, slots=True)
class Char:
    """One character that passes the test."""

    test: Test


@dataclass(frozen=True, slots=True)
class Series:
    """One after the other."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """One thing many times; without `most` there is no end."""

    item: "Node"
    least: int
    most: int | None


Node: TypeAlias = Char | Anchor | Series | Choice | Repeat


def parse(pattern: str) -> Node:
    """Return the tree of a pattern. Raises PatternError."""
    parser = _Parser(pattern)
    node = parser.choice()
    if parser.peek():
        raise parser.error("')' closes nothing")
    return node


def is_word(char: str) -> bool:
    r"""Tell whether a character is of a word, as `\w` has it."""
    return char.isalnum() or char == "_"


_CLASSES: Mapping[str, Test] = {
    "d": str.isdecimal,
    "D": lambda char: not char.isdecimal(),
    "w": is_word,
    "W": lambda char: not is_word(char),
    "s": str.isspace,
    "S": lambda char: not char.isspace(),
}
_ANCHORS = {"b": Anchor.EDGE, "B": Anchor.INSIDE}
_SIGNS: Mapping[str, Node] = {"^": Anchor.START, "$": Anchor.END, ".": Char(lambda char: char != "\n")}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_COUNTS: Mapping[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class _Parser:
    """Walks over the pattern once."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def error(self, words: str) -> PatternError:
        return PatternError(f"at character {self._at + 1}: {words}")

    def peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self.peek()
        self._at += 1
        return char

    def _took(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def choice(self) -> Node:
        """Read what stands between two brackets, or all."""
        items = [self._series()]
        while self._took("|"):
            items.append(self._series())
        return items[0] if len(items) == 1 else Choice(tuple(items))

    def _series(self) -> Node:
        items: list[Node] = []
        while self.peek() not in {"", "|", ")"}:
            items.append(self._piece())
        return items[0] if len(items) == 1 else Series(tuple(items))

    def _piece(self) -> Node:
        start = self._at
        item = self._atom()
        counts = self._counts()
        if counts is None:
            return item
        if isinstance(item, Anchor) and self._pattern[start] != "(":
            self._at = start
            raise self.error("a place in the text cannot be repeated")
        # Whether few or many are tried first makes no difference to whether anything fits.
        self._took("?")
        if self.peek() in {"*", "+", "?"}:
            raise self.error("a repetition of a repetition; put the inner one in brackets")
        return Repeat(item, *counts)

    def _counts(self) -> tuple[int, int | None] | None:
        if self.peek() in _COUNTS:
            return _COUNTS[self._take()]
        if self.peek() != "{":
            return None
        end = self._pattern.find("}", self._at)
        least, comma, most = self._pattern[self._at + 1 : max(end, 0)].partition(",")
        numbers = [number for number in (least, most) if number]
        if end < 0 or not numbers or not all(number.isdecimal() and number.isascii() for number in numbers):
            raise self.error("write a count as {2}, {2,} or {2,5}, and the brace itself as \\{")
        low = int(least or 0) if len(least) < 5 else MOST + 1
        high = (int(most) if len(most) < 5 else MOST + 1) if most else None if comma else low
        if max(low, high or 0) > MOST or (high is not None and high < low):
            raise self.error(f"a count goes up to {MOST}, and from the smaller to the larger")
        self._at = end + 1
        return low, high

    def _atom(self) -> Node:
        sign = self.peek()
        if sign in {"*", "+", "?", "{"}:
            raise self.error("a repetition of nothing; the sign itself is written with \\ before it")
        if sign == "(":
            return self._group()
        if sign == "\\":
            return self._escape()
        self._take()
        if sign == "[":
            return Char(self._set())
        return _SIGNS.get(sign) or Char(_same(sign))

    def _group(self) -> Node:
        self._take()
        if not self._took("?:") and self.peek() == "?":
            raise self.error("brackets with (? look around or set flags, which there is none of; (?:...) alone is")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.error(f"more than {DEEPEST} brackets within each other")
        node = self.choice()
        if not self._took(")"):
            raise self.error("a bracket is not closed")
        self._depth -= 1
        return node

    def _escape(self) -> Node:
        if self._pattern[self._at + 1 : self._at + 2] in _ANCHORS:
            self._take()
            return _ANCHORS[self._take()]
        return Char(self._escaped()[0])

    def _escaped(self) -> tuple[Test, str]:
        """Read what stands for a character; return its test, and the character where it is one alone."""
        self._take()
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char], ""
        if not char or (char.isalnum() and char not in _CONTROLS):
            self._at -= 1
            raise self.error(f"\\{char} stands for nothing here; there are \\d \\w \\s \\D \\W \\S \\b \\B \\n \\t \\r")
        char = _CONTROLS.get(char, char)
        return _same(char), char

    def _set(self) -> Test:
        negative = self._took("^")
        singles: set[str] = set()
        tests: list[Test] = []
        begun = False
        while self.peek() != "]" or not begun:
            if not self.peek():
                raise self.error("a set of characters is not closed; ']' ends it")
            begun = True
            member = self._member()
            if isinstance(member, str):
                singles.add(member.casefold())
            else:
                tests.append(member)
            if len(tests) > MOST_IN_SET:
                raise self.error(f"more than {MOST_IN_SET} ranges and classes in one set")
        self._take()
        return _of_set(frozenset(singles), tuple(tests), negative=negative)

    def _member(self) -> Test | str:
        """Return a character, or the test of a range or class."""
        test, first = self._member_start()
        is_range = first and self.peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in {"]", ""}
        if not is_range:
            return first or test
        self._take()
        _, last = self._member_start()
        if not last or last < first:
            raise self.error("a range goes from one character to a later one")
        return _between(first, last)

    def _member_start(self) -> tuple[Test, str]:
        if self.peek() == "\\":
            return self._escaped()
        char = self._take()
        return _same(char), char


def _same(wanted: str) -> Test:
    folded = wanted.casefold()
    return lambda char: char == wanted or char.casefold() == folded


def _of_set(singles: frozenset[str], tests: tuple[Test, ...], *, negative: bool) -> Test:
    return lambda char: (char.casefold() in singles or any(test(char) for test in tests)) is not negative


def _between(first: str, last: str) -> Test:
    return lambda char: any(first <= form <= last for form in (char, char.lower(), char.upper()) if len(form) == 1)
