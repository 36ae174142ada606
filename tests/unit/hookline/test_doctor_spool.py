"""What the doctor says of the spool: whether it can be used, and what is in it that nobody drains."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hookline.configuration.config import Config, load_config
from hookline.doctor.report import Check, Grade
from hookline.doctor.spool import check_spool
from ingest.settings import SpoolSettings
from tests.support.front import Desk
from tests.support.spool_on_disk import fill, orphan

CAN_READ_ALL = os.geteuid() == 0


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a sound configuration; its spool is not there yet."""
    desk = Desk(tmp_path)
    desk.write_sound()
    return load_config(desk.config, {})


@pytest.fixture
def segment(config: Config) -> Path:
    """Return the segment of a worker that ended."""
    return orphan(config.spool)


def grades(checks: Sequence[Check]) -> list[Grade]:
    """Return how bad each is."""
    return [check.grade for check in checks]


async def test_a_spool_that_is_not_there_is_made_at_the_first_start(config: Config) -> None:
    """All is well."""
    (check,) = await check_spool(config)
    assert (check.grade, "the first start makes it" in check.title) == (Grade.OK, True)


async def test_a_spool_that_cannot_be_made_is_a_failure(config: Config) -> None:
    """There is a file where its parent would be."""
    parent = Path(config.spool.dir).parent
    parent.write_text("a file")
    (check,) = await check_spool(config)
    assert (check.grade, str(parent) in check.title) == (Grade.FAIL, True)


async def test_a_file_in_the_place_of_the_spool_is_a_failure(config: Config) -> None:
    """The receiver could not start."""
    file = Path(__file__)
    (check,) = await check_spool(replace(config, spool=SpoolSettings(dir=str(file))))
    assert (check.grade, check.title) == (Grade.FAIL, f"{file} is no folder")


async def test_what_waits_in_a_live_workers_folder_is_told_and_is_well(config: Config) -> None:
    """It drains it itself."""
    spool = await fill(config.spool, 2)
    (check,) = await check_spool(config)
    await spool.stop()
    assert (check.grade, "in 1 segment waits in it" in check.title) == (Grade.OK, True)


@pytest.mark.usefixtures("segment")
async def test_what_a_dead_worker_left_is_told(config: Config) -> None:
    """With what to do where no receiver runs."""
    found = await check_spool(config)
    assert grades(found) == [Grade.OK, Grade.WARN]
    assert "no process holds" in found[1].title
    assert "spool drain" in found[1].advice


def as_folder(segment: Path) -> Path:
    """Put a folder in the place of the next segment."""
    stray = segment.with_name("0000000000000009.seg")
    stray.mkdir()
    return stray


def as_link(segment: Path) -> Path:
    """Put a link in the place of the next segment."""
    stray = segment.with_name("0000000000000009.seg")
    stray.symlink_to(segment)
    return stray


def lock_folder(segment: Path) -> Path:
    """Put a folder in the place of the lock."""
    lock = segment.with_name("lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    return lock


def linked(segment: Path) -> Path:
    """Put a link beside the folder, with the name of one."""
    link = segment.parent.with_name("w-ffffffff00000000")
    link.symlink_to(segment.parent)
    return link


@pytest.mark.parametrize("put", [as_folder, as_link, lock_folder, linked])
async def test_what_is_never_drained_is_a_failure_with_its_path(
    config: Config, segment: Path, put: Callable[[Path], Path]
) -> None:
    """Acknowledged webhooks may wait there."""
    path = put(segment)
    failed = [check for check in await check_spool(config) if check.grade is Grade.FAIL]
    assert len(failed) == 1
    assert str(path) in failed[0].title
    assert failed[0].advice


@pytest.mark.parametrize("mode", [0o000, 0o500])
async def test_a_folder_without_leave_is_a_failure(config: Config, segment: Path, mode: int) -> None:
    """It cannot be drained, or what is drained cannot be removed. Root is told too, who may do all."""
    segment.parent.chmod(mode)
    checks = await check_spool(config)
    segment.parent.chmod(0o700)
    assert Grade.FAIL in grades(checks)
    assert any(str(segment.parent) in check.title for check in checks)


@pytest.mark.skipif(not CAN_READ_ALL, reason="only root gives files away")
async def test_folders_of_several_users_are_told_to_root(config: Config, segment: Path) -> None:
    """Root may read all, and the receiver not."""
    spool = await fill(config.spool, 1)
    folder = segment.parent
    # The first worker's segments were taken over by the second, which holds both.
    os.chown(folder, 65534, 65534)
    found = await check_spool(config)
    await spool.stop()
    assert [check.grade for check in found if "belong to 2 users" in check.title] == [Grade.WARN]


async def test_what_was_set_aside_is_told(config: Config, segment: Path) -> None:
    """With the command that names it."""
    aside = Path(config.spool.dir) / "damaged"
    aside.mkdir()
    (aside / f"{segment.parent.name}-{segment.stem}-000000000000.bin").write_bytes(b"damaged")
    found = [check for check in await check_spool(config) if "set aside" in check.title]
    assert [(check.grade, "spool verify" in check.advice) for check in found] == [(Grade.WARN, True)]


@pytest.mark.parametrize(("waits", "grade"), [(True, Grade.WARN), (False, Grade.OK)])
async def test_a_spool_that_is_turned_off_is_looked_at_for_what_was_left(
    config: Config, *, waits: bool, grade: Grade
) -> None:
    """Nobody would drain it."""
    if waits:
        await (await fill(config.spool, 1)).stop()
    off = replace(config, spool=SpoolSettings(dir=config.spool.dir, max_bytes=0))
    assert grades(await check_spool(off)) == [grade]
