"""The case of every provider, by the provider's name, with the fourth one that the tests have."""

from collections.abc import Mapping

from tests.support.cases.acme import ACME_CASE
from tests.support.cases.messagemedia import MESSAGEMEDIA_CASE
from tests.support.cases.syniverse import SYNIVERSE_CASE
from tests.support.cases.telnyx import TELNYX_CASE
from tests.support.provider_cases import ProviderCase

CASES: Mapping[str, ProviderCase] = {
    case.provider.name: case for case in (TELNYX_CASE, MESSAGEMEDIA_CASE, SYNIVERSE_CASE, ACME_CASE)
}
