"""The whole examination, one area after the other."""

import os
import time
from pathlib import Path

from hookline.configuration.config import Config, ConfigError, load_config
from hookline.doctor.accounts import check_accounts
from hookline.doctor.log import check_log
from hookline.doctor.place import check_addresses, check_disks
from hookline.doctor.reach import check_reach
from hookline.doctor.report import Check, fail, ok
from hookline.doctor.spool import check_spool
from hookline.doctor.state import check_state
from schemas.times import Clock


def read_config(path: Path) -> tuple[Config | None, list[Check]]:
    """Return the configuration where it is sound, and what was found."""
    try:
        config = load_config(path, os.environ)
    except ConfigError as error:
        advice = "mend it; docs/configuration.md tells every setting"
        return None, [fail("config", line, advice) for line in str(error).splitlines()]
    return config, [ok("config", f"{path} is sound")]


async def examine(config: Config, clock: Clock = time.time) -> list[Check]:
    """Return what every check found. No check keeps the others from being made."""
    return [
        *check_accounts(config),
        *await check_addresses(config),
        *await check_disks(config),
        *await check_spool(config),
        *await check_log(config),
        *await check_state(config),
        *await check_reach(config, clock),
    ]
