"""What the loader finds wrong with reply rules: each condition is read as the consumer will, and told with its line."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from consumers.auto_reply.hours import date_of, spans_of, zone_of
from consumers.auto_reply.pattern import read_pattern
from consumers.auto_reply.rules import LONGEST_KEYWORD
from consumers.auto_reply.settings import AutoReplySettings, Hours, Rule
from consumers.auto_reply.template import read_template
from hookline.configuration.problems import Problems, name_of, suggestion
from hookline.configuration.toml_lines import KeyPath
from providers.keywords import LONGEST_KEYWORD as LONGEST_WORD
from providers.keywords import help_word, opt_in_word, opt_out_word, words_of

_TABLE: KeyPath = ("consumers", "auto_reply")
# WhatsApp names people who hide their number by letters, digits, dots and the like.
_NUMBER = re.compile(r"\+?[0-9A-Za-z][0-9A-Za-z._-]*\*?|\+\*", re.ASCII)
_LISTS = ("keywords", "families", "from", "to", "accounts")


def check_replies(settings: AutoReplySettings, accounts: Mapping[str, object], problems: Problems) -> None:
    """Note what no single value tells, and every pattern, template and time that cannot be read."""
    _read(zone_of, settings.time_zone, (*_TABLE, "time_zone"), problems)
    _read(read_template, settings.default_reply or "", (*_TABLE, "default_reply"), problems)
    for name, hours in settings.hours.items():
        _check_hours(hours, (*_TABLE, "hours", name), problems)
    for index, rule in enumerate(settings.rules):
        path: KeyPath = (*_TABLE, "rules", index)
        _check_conditions(rule, path, problems)
        _check_names(rule, path, settings.hours, accounts, problems)
        _check_reply(rule, path, problems)


def check_stop_words(words: Sequence[str], problems: Problems) -> None:
    """Note words of `[consumers.consent]` that no message can be, and those that mean something else."""
    for index, word in enumerate(words):
        if told := _no_stop_word(word):
            path: KeyPath = ("consumers", "consent", "stop_words", index)
            problems.add(path, f"{name_of(path)}: {word!r} {told}")


def _no_stop_word(word: str) -> str:
    """Return why a word cannot opt people out, nothing where it can."""
    if opt_out_word(word, words_of((word,))) is None:
        return f"never fits; write words without signs around, {LONGEST_WORD} characters at most"
    if opt_in_word(word):
        return "opts people in, here and at the providers; it cannot opt them out too"
    return "asks for help; whoever writes it would be silenced" if help_word(word) else ""


def _check_hours(hours: Hours, path: KeyPath, problems: Problems) -> None:
    _read(zone_of, hours.time_zone, (*path, "time_zone"), problems)
    if not hours.open:
        problems.add((*path, "open"), f"{name_of(path)}.open: empty, so it never opens; write 'Mon-Fri 09:00-17:00'")
    for index, line in enumerate(hours.open):
        _read(lambda text: list(spans_of(text)), line, (*path, "open", index), problems)
    for index, text in enumerate(hours.closed):
        _read(date_of, text, (*path, "closed", index), problems)


def _check_conditions(rule: Rule, path: KeyPath, problems: Problems) -> None:
    if rule.pattern is not None:
        _read(read_pattern, rule.pattern, (*path, "pattern"), problems)
    for key, numbers in (("from", rule.from_), ("to", rule.to)):
        for index, number in enumerate(numbers):
            if not _NUMBER.fullmatch(number.strip()):
                told = f"{number!r} is no number; write '+15550100001', or '+1555*' for all that begin so"
                problems.add((*path, key, index), f"{name_of((*path, key))}: {told}")
    for index, word in enumerate(rule.keywords):
        if told := _never(word):
            problems.add((*path, "keywords", index), f"{name_of((*path, 'keywords'))}: {told}")
    for key in _empty_lists(rule, path, problems):
        problems.add((*path, key), f"{name_of((*path, key))}: empty, so nothing fits; leave it out to take all")


def _never(keyword: str) -> str:
    """Return why a keyword is no text that anybody writes, nothing where it may be one."""
    if not keyword.strip():
        return "a blank keyword never fits"
    return f"longer than {LONGEST_KEYWORD} characters, so it never fits" if len(keyword) > LONGEST_KEYWORD else ""


def _empty_lists(rule: Rule, path: KeyPath, problems: Problems) -> Iterator[str]:
    values = (rule.keywords, rule.families, rule.from_, rule.to, rule.accounts)
    return (key for key, value in zip(_LISTS, values, strict=True) if not value and (*path, key) in problems.lines)


def _check_names(
    rule: Rule, path: KeyPath, hours: Mapping[str, Hours], accounts: Mapping[str, object], problems: Problems
) -> None:
    if not rule.name.strip():
        problems.add((*path, "name"), f"{name_of((*path, 'name'))}: blank; figures and logs need a name")
    for name in rule.accounts:
        if name not in accounts:
            place = (*path, "accounts")
            problems.add(place, f"{name_of(place)}: no account {name!r}: {suggestion(name, accounts)}")
    if rule.hours is not None and rule.hours not in hours:
        told = f"no table [{name_of((*_TABLE, 'hours', rule.hours))}]: {suggestion(rule.hours, hours)}"
        problems.add((*path, "hours"), f"{name_of((*path, 'hours'))}: {told}")
    if rule.hours is None and (*path, "when") in problems.lines:
        problems.add((*path, "when"), f"{name_of((*path, 'when'))}: of which opening hours? `hours` names them")


def _check_reply(rule: Rule, path: KeyPath, problems: Problems) -> None:
    if rule.silent and rule.reply:
        problems.add((*path, "silent"), f"{name_of((*path, 'silent'))}: there is a reply too; leave one of them out")
    elif rule.reply is None and not rule.silent:
        problems.add(path, f"{name_of(path)}: 'reply' is missing: the answer, or `silent = true` for none")
    if rule.reply:
        _read(read_template, rule.reply, (*path, "reply"), problems)


def _read(read: Callable[[str], object], text: str, path: KeyPath, problems: Problems) -> None:
    try:
        read(text)
    except ValueError as error:
        problems.add(path, f"{name_of(path)}: {error}")
