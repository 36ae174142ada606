"""Regular expressions that take linear time, whatever the pattern and the text. Pure.

`re` tries one way after the other, and a stranger's text of thirty characters can make a harmless looking pattern take
hours. This one walks all ways at once (Thompson 1968): its time is at most the length of the text times the size of the
pattern, and both are bounded. What it leaves out is what cannot be had so: groups that are remembered, and looking
ahead or behind. For the rest it is the language of `re`, with case ignored.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consumers.auto_reply.pattern_tree import (
    Anchor,
    Char,
    Choice,
    Node,
    PatternError,
    Repeat,
    Series,
    Test,
    is_word,
    parse,
)

LARGEST = 250
"""Steps of a program; a counted repetition is written out."""

LONGEST_PATTERN = 500
"""Characters."""

LONGEST_TEXT = 2000
"""Characters; a longer text fits no pattern."""


@dataclass(frozen=True, slots=True)
class _Fork:
    """Go on at each of these places of the program."""

    ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _End:
    """All of it fits."""


_Step = Test | Anchor | _Fork | _End


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that is ready; `text` is how it was written."""

    text: str
    program: tuple[_Step, ...]

    def fits(self, text: str) -> bool:
        """Tell whether some part of the text fits."""
        if len(text) > LONGEST_TEXT:
            return False
        places: Iterable[int] = ()
        for index in range(len(text) + 1):
            # The start joins at every place: any part of the text may be the one that fits.
            reached = self._reached((*places, 0), text, index)
            if len(self.program) - 1 in reached:
                return True
            places = self._passed(reached, text[index : index + 1])
        return False

    def _reached(self, places: Iterable[int], text: str, index: int) -> set[int]:
        """Return every place that can be come to from those without taking a character."""
        found = set[int]()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            found.add(place)
            step = self.program[place]
            if isinstance(step, _Fork):
                waiting += step.ways
            elif isinstance(step, Anchor) and _holds(step, text, index):
                waiting.append(place + 1)
        return found

    def _passed(self, reached: Iterable[int], char: str) -> list[int]:
        """Return where those places lead that take the character."""
        program = self.program
        return [place + 1 for place in reached if char and callable(step := program[place]) and step(char)]


def read_pattern(text: str) -> Pattern:
    """Return the pattern that is written so. Raises PatternError."""
    if not text:
        raise PatternError("empty, so it fits every text; leave it out")
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"longer than {LONGEST_PATTERN} characters")
    program: list[_Step] = []
    _write(parse(text), program)
    return Pattern(text, (*program, _End()))


def _write(node: Node, program: list[_Step]) -> None:
    """Append the program of a node; it goes on behind its end."""
    if len(program) > LARGEST:
        raise PatternError(f"too large: more than {LARGEST} steps, with counted repetitions written out")
    before = len(program)
    match node:
        case Char(test):
            program.append(test)
        case Anchor():
            program.append(node)
        case Series(items):
            for item in items:
                _write(item, program)
        case Choice(items):
            _write_choice(items, program)
        case Repeat():
            _write_repeat(node, program)
    if len(program) == before:
        # Nothing takes a step too: else nothing, many times over, would be written for ever.
        program.append(_Fork((before + 1,)))


def _write_choice(items: tuple[Node, ...], program: list[_Step]) -> None:
    fork = len(program)
    program.append(_End())
    starts: list[int] = []
    ends: list[int] = []
    for item in items:
        starts.append(len(program))
        _write(item, program)
        ends.append(len(program))
        program.append(_End())
    program[fork] = _Fork(tuple(starts))
    for end in ends:
        program[end] = _Fork((len(program),))


def _write_repeat(node: Repeat, program: list[_Step]) -> None:
    for _ in range(node.least):
        _write(node.item, program)
    if node.most is None:
        start = len(program)
        program.append(_End())
        _write(node.item, program)
        program.append(_Fork((start,)))
        program[start] = _Fork((start + 1, len(program)))
        return
    skips: list[int] = []
    for _ in range(node.most - node.least):
        skips.append(len(program))
        program.append(_End())
        _write(node.item, program)
    for skip in skips:
        program[skip] = _Fork((skip + 1, len(program)))


def _holds(anchor: Anchor, text: str, index: int) -> bool:
    before, after = text[index - 1 : index] if index else "", text[index : index + 1]
    match anchor:
        case Anchor.START:
            return index == 0
        case Anchor.END:
            return not after or (after == "\n" and index == len(text) - 1)
        case Anchor.EDGE:
            return _is_word(before) is not _is_word(after)
        case Anchor.INSIDE:
            # As `re` has it up to Python 3.13, there is no inside of an empty text.
            return bool(text) and _is_word(before) is _is_word(after)


def _is_word(char: str) -> bool:
    return bool(char) and is_word(char)
