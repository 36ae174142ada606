"""Syniverse SCG holds what every provider has to hold."""

from tests.support.cases import CASES
from tests.support.conformance import ProviderConformance


class TestSyniverse(ProviderConformance):
    """Basic, bearer or mutual TLS; JSON by POST."""

    case = CASES["syniverse"]
