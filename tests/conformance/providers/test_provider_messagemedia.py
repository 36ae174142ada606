"""MessageMedia holds what every provider has to hold."""

from tests.support.cases import CASES
from tests.support.conformance import ProviderConformance


class TestMessageMedia(ProviderConformance):
    """RSA signatures or a shared secret; JSON, forms, GET."""

    case = CASES["messagemedia"]
