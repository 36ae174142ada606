"""Checks of the old handlers that raw webhooks are mirrored to: are their secrets there, do they answer?"""

import asyncio
import os
from collections.abc import Iterator, Sequence

import aiohttp
from yarl import URL

from consumers.mirror.settings import MirrorTarget
from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok, warn
from providers.credentials import SecretError, is_reference, resolve

_DEADLINE = 5.0
_AREA = "mirror"


async def check_mirror(config: Config) -> list[Check]:
    """Return what is so for each target; nothing where there is none."""
    targets = config.consumers.mirror.targets
    if not targets:
        return []
    secrets = await asyncio.to_thread(lambda: [each for name in targets for each in _secrets(config, name)])
    timeout = aiohttp.ClientTimeout(total=_DEADLINE)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        reached = await asyncio.gather(*(_reach(session, name, target) for name, target in targets.items()))
    return [*secrets, *(check for checks in reached for check in checks)]


def _secrets(config: Config, name: str) -> Iterator[Check]:
    """Yield the header fields whose secret is missing. Asked once more, for the reason."""
    for header, value in config.consumers.mirror.targets[name].headers.items():
        if is_reference(value):
            try:
                resolve(value, config.path.parent, os.environ)
            except SecretError as error:
                what = f"target {name}: header {header}: {error}; its webhooks wait"
                yield fail(_AREA, what, "set it, and start again")


async def _reach(session: aiohttp.ClientSession, name: str, target: MirrorTarget) -> Sequence[Check]:
    url = target.url
    try:
        # HEAD has no effect, and any answer proves the way.
        async with session.head(URL(url, encoded=True), allow_redirects=False) as answer:
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        reason = "no answer within 5 s" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return [warn(_AREA, f"target {name}: {url} cannot be reached: {reason}", "its webhooks wait until it can")]
    if 300 <= status < 400:
        advice = "a redirect is not followed, so every webhook would count as refused: write the URL where it leads"
        return [fail(_AREA, f"target {name}: {url} redirects (status {status})", advice)]
    return [ok(_AREA, f"target {name}: {url} answers (status {status})")]
