"""The fault bench in its short form: one broker, a low rate, and a ledger that closes."""

import os
import sys
from asyncio import create_subprocess_exec, subprocess, timeout
from pathlib import Path

import pytest

from deploy.kafka.cluster import KafkaMissingError
from deploy.kafka.jars import fetch, libraries
from tests.support.kafka import no_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


async def test_the_short_form_of_the_fault_bench_closes_its_ledger(tmp_path: Path) -> None:
    """Broker killed, broker stopped, receiver killed: nothing that was acknowledged is lost or out of order."""
    try:
        fetch(libraries())
    except KafkaMissingError as reason:
        no_kafka(reason)
    process = await create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.faults",
        "--short",
        "--no-report",
        "--dir",
        str(tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    async with timeout(240):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    assert ", 0 events lost, 0 lost by name," in text
    assert " 0 out of order;" in text
