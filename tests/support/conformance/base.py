"""What the parts of the suite share."""

from typing import ClassVar

from tests.support.provider_cases import ProviderCase


class OfProvider:
    """Tests of one provider; the class that inherits them names its case."""

    case: ClassVar[ProviderCase]
