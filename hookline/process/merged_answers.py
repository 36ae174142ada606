"""What the parent says of all workers together, from what each says of itself. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hookline.process.admin import Answer

NO_ANSWER = "no_answer"
NOT_RUNNING = "not_running"
DOWN = "no_worker_up"

LONGEST_DOWN = 60.0
"""Seconds without any worker up after which the parent no longer counts as alive: several replacements have failed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A worker as the parent knows it; `pid` is None while no process runs in its place."""

    number: int
    pid: int | None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What a worker answered; `body` is None where there was no answer in time."""

    member: Member
    status: int = 0
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class WorkerReadiness:
    """Whether one worker can store webhooks now."""

    number: int
    pid: int | None
    ready: bool
    degraded: bool
    reason: str

    @property
    def well(self) -> bool:
        """Whether there is nothing to tell."""
        return self.ready and not self.degraded

    @property
    def fields(self) -> Mapping[str, Any]:
        """What the page shows of it."""
        return {
            "worker": self.number,
            "pid": self.pid,
            "ready": self.ready,
            "degraded": self.degraded,
            "reason": self.reason,
        }


def readiness_of(said: Said) -> WorkerReadiness:
    """Read one worker's answer; whatever cannot be read is no answer."""
    member, fields = said.member, _fields(said.body)
    if member.pid is None:
        return WorkerReadiness(member.number, None, ready=False, degraded=True, reason=NOT_RUNNING)
    if fields is None:
        return WorkerReadiness(member.number, member.pid, ready=False, degraded=True, reason=NO_ANSWER)
    return WorkerReadiness(
        member.number,
        member.pid,
        ready=said.status == 200,
        degraded=fields.get("degraded") is not False,
        reason=str(fields.get("reason", "")),
    )


def merged_readiness(workers: Sequence[WorkerReadiness]) -> Answer:
    """Tell whether the site can store webhooks: ready if one worker can, degraded unless all are well."""
    unwell = [worker for worker in workers if not worker.well]
    fields = {
        "ready": any(worker.ready for worker in workers),
        "degraded": bool(unwell),
        "reason": _reason(unwell) if unwell else "ready",
        "workers": [worker.fields for worker in workers],
    }
    return Answer(ok=bool(fields["ready"]), fields=fields)


def merged_health(said: Sequence[Said], version: str, down: float = 0.0) -> Answer:
    """Tell that the parent lives: it replaces what ended, so that nothing of one worker is a reason to end it.

    `down`: seconds for which no worker has been up. After LONGEST_DOWN of them nothing is lost by a new parent, which
    may do better.
    """
    workers = [_health(each) for each in said]
    well = all(worker.get("status") == "ok" for worker in workers)
    lives = down < LONGEST_DOWN
    status = ("ok" if well else "degraded") if lives else DOWN
    return Answer(ok=lives, fields={"status": status, "version": version, "workers": workers})


def _health(said: Said) -> Mapping[str, Any]:
    member = said.member
    known = {"worker": member.number, "pid": member.pid, "restarts": member.restarts}
    fields = None if member.pid is None else _fields(said.body)
    if fields is None:
        return {"status": NOT_RUNNING if member.pid is None else NO_ANSWER, **known}
    return {**fields, **known}


def _fields(body: bytes | None) -> Mapping[str, Any] | None:
    try:
        found = None if body is None else orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _reason(unwell: Sequence[WorkerReadiness]) -> str:
    by_reason: dict[str, list[str]] = {}
    for worker in unwell:
        by_reason.setdefault(worker.reason, []).append(str(worker.number))
    return "; ".join(
        f"worker{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: {reason}"
        for reason, numbers in by_reason.items()
    )
