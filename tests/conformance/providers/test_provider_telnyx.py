"""Telnyx holds what every provider has to hold."""

from tests.support.cases import CASES
from tests.support.conformance import ProviderConformance


class TestTelnyx(ProviderConformance):
    """Ed25519 signatures, JSON by POST."""

    case = CASES["telnyx"]
