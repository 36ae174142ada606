"""The conformance suite: what holds for every provider, whoever wrote it.

A provider's test file has one class that inherits `ProviderConformance` and names its case.
"""

from tests.support.conformance.calling import Calling
from tests.support.conformance.facts import Facts
from tests.support.conformance.looking_up import LookingUp
from tests.support.conformance.proof import Proof
from tests.support.conformance.reading import ReadingOfBodies
from tests.support.conformance.repeats import Repeats
from tests.support.conformance.simulated import Simulated


class ProviderConformance(Proof, Repeats, ReadingOfBodies, Facts, Calling, LookingUp, Simulated):
    """Everything that a provider has to hold."""
