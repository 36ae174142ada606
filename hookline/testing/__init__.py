"""For the tests of consumers: events of each provider, signed requests, a consumer run on a list.

It needs pytest, which Hookline does not install. With `pytest_plugins = ["hookline.testing"]` in the test module or the
top `conftest.py` the fixtures are there; the functions can be imported without that.

PYTEST_DONT_REWRITE: there is no assert here, and a test that imports it before pytest does would be warned.
"""

from collections.abc import Callable

import pytest

from hookline.testing.running import DeadLetter, Failed, Outcome, run_consumer, run_consumer_async
from hookline.testing.samples import SampleEvents, SignedRequest, sample_events, signed_request

__all__ = [
    "DeadLetter",
    "Failed",
    "Outcome",
    "SampleEvents",
    "SignedRequest",
    "hookline_events",
    "hookline_run",
    "hookline_signed_request",
    "run_consumer",
    "run_consumer_async",
    "sample_events",
    "signed_request",
]


@pytest.fixture(scope="session", name="hookline_events")
def hookline_events() -> SampleEvents:
    """Return events of every provider, always the same ones."""
    return sample_events()


@pytest.fixture(scope="session", name="hookline_signed_request")
def hookline_signed_request() -> Callable[..., SignedRequest]:
    """Return `signed_request`."""
    return signed_request


@pytest.fixture(scope="session", name="hookline_run")
def hookline_run() -> Callable[..., Outcome]:
    """Return `run_consumer`."""
    return run_consumer
