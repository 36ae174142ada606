"""Every operation of a provider's client, without any credential of a real account."""

from collections.abc import Mapping
from typing import Any

from providers.contract import Account, Provider, Secret, Setting
from providers.rest.operations import Operation, operations_of


def operations_of_provider(provider: Provider) -> Mapping[str, Operation]:
    """Return the operations of the provider by name. Opens nothing and calls nobody."""
    return operations_of(provider.client(_sample(provider)))


def _sample(provider: Provider) -> Account:
    """Return an account whose credentials are words of ours, so that a client can be made."""
    settings: dict[str, Any] = {item.name: item.default for item in provider.settings if item.default is not None}
    settings |= {item.name: _secret(item) for item in provider.settings if item.secret and not item.fields}
    return Account(name="sample", provider=provider.name, settings=settings)


def _secret(setting: Setting) -> Any:
    secret = Secret("sample", "the catalogue of operations")
    return (secret,) if setting.many else secret
