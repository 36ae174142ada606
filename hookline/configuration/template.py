"""The configuration that `hookline init` writes."""

import json
import re
from typing import Any

from broker.settings import BrokerSettings
from consumers.settings import ConsumersSettings
from hookline.configuration.tables import settings_of
from ingest.settings import ServerSettings
from providers.contract import Provider, Setting


def config_text(provider: Provider) -> str:
    """Return a whole configuration for one account of the provider, with comments."""
    return "\n".join(
        (
            "# The configuration of Hookline. Paths are relative to this file; docs/configuration.md tells all keys.",
            "",
            "[server]",
            *_documented(ServerSettings, "listen"),
            *_documented(ServerSettings, "admin"),
            "",
            "[broker]",
            *_documented(BrokerSettings, "url"),
            "",
            "# POST /webhooks/main; the name is part of the URL and of every event.",
            "[accounts.main]",
            f"provider = {_toml(provider.name)}",
            '# tenant = "acme"  # a label of yours that every event of this account carries',
            *(line for setting in provider.settings for line in _setting(provider, setting)),
            "",
            *_CONSUMERS,
            "",
        )
    )


def variables(provider: Provider) -> tuple[str, ...]:
    """Return the names of the environment variables that the written configuration reads."""
    active = (line for setting in provider.settings for line in _setting(provider, setting) if not line.startswith("#"))
    return tuple(dict.fromkeys(name for line in active for name in _VARIABLE.findall(line)))


def variable(provider: Provider, setting: Setting) -> str:
    """Return the customary variable of a secret: `public_keys` of telnyx is TELNYX_PUBLIC_KEY."""
    name = setting.name.removesuffix("s") if setting.many else setting.name
    return f"{provider.name}_{name}".upper()


_VARIABLE = re.compile(r'"env:([A-Za-z0-9_]+)"')
_STATE = ConsumersSettings().state
_CONSUMERS = (
    "[consumers]",
    f"# state = {json.dumps(_STATE)}  # {settings_of(ConsumersSettings)['state'].metadata['doc']}",
    "",
    "# Answers to inbound messages; without rules and default_reply nobody is answered.",
    "[consumers.auto_reply]",
    '# default_reply = "Thanks, we will call you back."',
    "",
    "# [[consumers.auto_reply.rules]]",
    '# name = "hours"',
    '# keywords = ["HOURS"]',
    '# reply = "Open 9 to 17."',
)


def _documented(cls: type, name: str) -> tuple[str, str]:
    item = settings_of(cls)[name]
    return f"# {item.metadata['doc']}", f"{name} = {_toml(item.default)}"


def _setting(provider: Provider, setting: Setting) -> tuple[str, ...]:
    comment = (f"# {setting.summary}", *((f"# found at: {setting.portal}",) if setting.portal else ()))
    if setting.example is not None:
        mark = "# " if setting.optional else ""
        return (*comment, f"{mark}{setting.name} = {_inline(setting.example)}")
    if setting.secret:
        reference = _toml(f"env:{variable(provider, setting)}")
        return (*comment, f"{setting.name} = [{reference}]" if setting.many else f"{setting.name} = {reference}")
    if setting.default is None:
        return (*comment, f"# {setting.name} = ...")
    return (*comment, f"# {setting.name} = {_toml(setting.default)}")


def _inline(value: Any) -> str:
    """Return a value as TOML writes it on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_inline(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return _toml(value)


def _toml(value: object) -> str:
    # Texts, numbers and lists of them are written alike in JSON and TOML.
    return json.dumps(value)
