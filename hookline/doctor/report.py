"""What a check found, and how it is told."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import orjson


class Grade(StrEnum):
    """How bad a finding is. Only FAIL makes the doctor's exit status 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `title` says what is so, `advice` what to do about it."""

    area: str
    grade: Grade
    title: str
    advice: str = ""


def ok(area: str, title: str) -> Check:
    """Return a check that found all well."""
    return Check(area, Grade.OK, title)


def warn(area: str, title: str, advice: str) -> Check:
    """Return a check that found something to look at."""
    return Check(area, Grade.WARN, title, advice)


def fail(area: str, title: str, advice: str) -> Check:
    """Return a check that found what will not work."""
    return Check(area, Grade.FAIL, title, advice)


def has_failed(checks: Iterable[Check]) -> bool:
    """Tell whether anything will not work."""
    return any(check.grade is Grade.FAIL for check in checks)


def as_lines(checks: Sequence[Check]) -> str:
    """Return the checks as lines for people, and a last one that sums up."""
    width = max((len(check.area) for check in checks), default=0)
    lines: list[str] = []
    for check in checks:
        lines.append(f"{check.grade:<5} {check.area:<{width}}  {check.title}")
        if check.advice:
            lines.append(f"{'':<5} {'':<{width}}  -> {check.advice}")
    return "\n".join((*lines, "", _summary(checks), ""))


def as_json(checks: Sequence[Check]) -> str:
    """Return the checks as one JSON object."""
    fields = {"ok": not has_failed(checks), "checks": [asdict(check) for check in checks]}
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _summary(checks: Sequence[Check]) -> str:
    bad = sum(check.grade is Grade.FAIL for check in checks)
    doubtful = sum(check.grade is Grade.WARN for check in checks)
    if bad:
        return f"{bad} of {len(checks)} checks failed" + (f", {doubtful} to look at" if doubtful else "")
    return f"all {len(checks)} checks passed" if not doubtful else f"nothing failed, {doubtful} to look at"
