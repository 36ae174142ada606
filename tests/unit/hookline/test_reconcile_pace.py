"""How long `hookline reconcile` waits for a provider that has had enough."""

import pytest

from hookline.reconciling.pace import LONGEST_WISH, Patience
from providers.rest.errors import RefusedError


@pytest.mark.parametrize(("wish", "pause"), [(7.0, 7.0), (3600.0, LONGEST_WISH)])
def test_a_wish_is_followed_as_far_as_somebody_waits(wish: float, pause: float) -> None:
    """It is a command of a person."""
    assert Patience().pause_after(RefusedError(429, (), wish), 1) == pause
