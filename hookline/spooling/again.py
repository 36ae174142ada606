"""Publishing what was set aside once more: `hookline spool drain --damaged`.

Webhooks that the log refused for good stand in `damaged/` whole, and so may others in a segment that was set aside as
one. Each that can be read is published under its own id. A file goes when all of it is in the log; else what is left
of it takes its place, and is durable before that. An end at any point leaves a file as it was, or what is left of it:
what is published twice has the same id.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.many import many
from hookline.spooling import aside, at_log
from hookline.spooling.reading import root_of, strays_aside, told_errors
from hookline.spooling.words import stray_lines
from ingest.draining import SOLE_WAIT, Tools, events_of_spooled
from ingest.publisher import PublishOutcome
from ingest.spool import damage
from ingest.spool.contract import Damaged, Place, Spooled
from ingest.spool.files import Files, OsFiles
from ingest.spool.segments import DAMAGED, segment_name


@dataclass(slots=True)
class Retried:
    """What became of the files that were set aside.

    Webhooks that are `published` now, and `refused` again; `broken` places that hold no webhook; `foreign` files that
    no spool has named; `busy` ones that a receiver is just making. `ended`: why it was not gone through to the end.
    """

    published: int = 0
    refused: int = 0
    broken: int = 0
    foreign: int = 0
    busy: int = 0
    ended: str = ""

    @property
    def left(self) -> bool:
        """Whether anything is still set aside."""
        return bool(self.refused or self.broken or self.foreign or self.busy)


def retry(config: Config, deadline: float) -> int:
    """Publish what was set aside within `deadline` seconds; return the exit status. Raises CommandError, LogError."""
    root = root_of(config.spool)
    with told_errors(root):
        print("".join(f"{line}\n" for line in stray_lines(strays_aside(root))), end="")
        files = aside.files_of(root)
    if not files:
        print(f"nothing is set aside in {root / DAMAGED}")
        return 0
    with told_errors(root), _alone(root / DAMAGED):
        return told(asyncio.run(_retried(config, root, deadline)), at_log.advice(config))


def told(retried: Retried, advice: str) -> int:
    """Print what became of it and return the exit status. Raises CommandError where it ended before its end."""
    print(f"published {many(retried.published, 'webhook')} that had been set aside")
    for number, words in (
        (retried.refused, "refused by the log again: raise the topic's max.message.bytes, or keep the file"),
        (retried.broken, "damaged: no webhook can be read there; `hookline spool export --damaged` has the bytes"),
        (retried.foreign, "in files that no spool has named; look at them, and take them away"),
        (retried.busy, "in the hands of a receiver; run this again later"),
    ):
        if number:
            print(f"left {number:,} {words}")
    if retried.ended:
        raise CommandError(f"{retried.ended}; {advice}")
    return 1 if retried.left else 0


async def _retried(config: Config, root: Path, deadline: float) -> Retried:
    end = asyncio.get_running_loop().time() + deadline
    async with at_log.tools(config, deadline) as tools:
        run = Again(root, tools)
        try:
            async with asyncio.timeout_at(end):
                await run.all()
        except TimeoutError:
            run.result.ended = f"the deadline of {deadline:g} s came first"
        if run.away:
            run.result.ended = f"{at_log.named(config)} is {tools.log.state} and does not take more"
        return run.result


@dataclass(slots=True)
class Again:
    """Goes through the files of a spool's `damaged/`, until the log takes no more (`away`)."""

    root: Path
    tools: Tools
    files: Files = field(default_factory=OsFiles)
    result: Retried = field(default_factory=Retried)
    away: bool = False

    async def all(self) -> None:
        """Go through all files. Raises OSError."""
        for path in await asyncio.to_thread(aside.files_of, self.root):
            if self.away:
                return
            with contextlib.suppress(FileNotFoundError):
                await self._file(path)

    async def _file(self, path: Path) -> None:
        place = aside.place_of(path.name)
        if place is None:
            self.result.foreign += 1
            return
        # A receiver removes the segment when the copy of its bytes is whole and durable, not before.
        segment = self.root / place.worker / segment_name(place.segment)
        if await asyncio.to_thread(os.path.lexists, segment):
            self.result.busy += 1
            return
        data, contents = await asyncio.to_thread(aside.read, path, place)
        self.result.broken += len(contents.broken)
        stored = await self._publish(contents.whole)
        if stored:
            left = [item for item in contents.items if item.place not in stored]
            await asyncio.to_thread(self._replace, path, [_kept(item, place, data) for item in left])
            self.result.published += len(stored)

    async def _publish(self, webhooks: Sequence[Spooled]) -> frozenset[Place]:
        """Return the places of those that are in the log."""
        stored: set[Place] = set()
        for spooled in webhooks:
            events = events_of_spooled(spooled, self.tools)
            outcome = await self.tools.publisher.publish(
                spooled.webhook, events, SOLE_WAIT, webhook_id=spooled.webhook_id
            )
            if outcome.durable:
                stored.add(spooled.place)
            elif outcome is PublishOutcome.REFUSED:
                self.result.refused += 1
            else:
                self.away = True
                break
        return frozenset(stored)

    def _replace(self, path: Path, left: Sequence[tuple[str, bytes]]) -> None:
        """Put what is left of a file in its place. The file itself goes last."""
        folder = path.parent
        for name, data in sorted(left, key=lambda item: item[0] == path.name):
            if name == path.name:
                self.files.sync_folder(folder)
            self._write(folder / name, data)
        self.files.sync_folder(folder)
        if path.name not in {name for name, _ in left}:
            with contextlib.suppress(FileNotFoundError):
                self.files.unlink(aside.note_of(path))
            self.files.unlink(path)
            self.files.sync_folder(folder)

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_name(f"{path.name}.part")
        with contextlib.suppress(FileNotFoundError):
            self.files.unlink(part)
        handle = self.files.create(part)
        try:
            self.files.write(handle, data)
            self.files.sync(handle)
        finally:
            self.files.close(handle)
        self.files.rename(part, path)


def _kept(item: Spooled | Damaged, base: Place, data: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of a file for one thing that is left."""
    start = item.place.offset - base.offset
    name = damage.name_of(Damaged(item.place, item.length, item.webhook_id, ""))
    return name, data[start : start + item.length]


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Keep others of this command out of the folder. Raises CommandError, OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise CommandError(f"another `hookline spool drain --damaged` works on {folder}; let it end first") from error
    finally:
        os.close(handle)
