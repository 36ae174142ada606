"""Every operation of a provider's client, without any credential of a real account."""

from collections.abc import Mapping
from typing import Any

from providers.contract import Account, Provider, Secret, Setting
from providers.rest.operations import Operation, operations_of


def operations_of_provider(provider: Provider) -> Mapping[str, Operation]:
    """Return the operations of the provider by name. Opens nothing and calls nobody."""
    return operations_of(provider.client(_sample(provider)))


def _sample(provider: Provider) -> Account:
    """Return an account whose credentials are words of ours, so that a client can be made.

    Texts without a default are such a word too: one credential may ask for another setting, as for a file.
    """
    settings: dict[str, Any] = {item.name: _value(item) for item in provider.settings if not item.fields}
    given = {name: value for name, value in settings.items() if value is not None}
    return Account(name="sample", provider=provider.name, settings=given)


def _value(setting: Setting) -> Any:
    if setting.secret:
        return _secret(setting)
    is_text = setting.kind is str and not setting.many and not setting.choices
    return "sample" if is_text and setting.default is None else setting.default


def _secret(setting: Setting) -> Any:
    secret = Secret("sample", "the catalogue of operations")
    return (secret,) if setting.many else secret
