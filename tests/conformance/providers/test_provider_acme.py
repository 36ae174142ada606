"""Acme, the fourth provider that the tests have, holds what every provider has to hold."""

from tests.support.cases import CASES
from tests.support.conformance import ProviderConformance


class TestAcme(ProviderConformance):
    """Written from `docs/adding-a-provider.md` alone."""

    case = CASES["acme"]
