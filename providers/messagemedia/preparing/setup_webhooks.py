"""What is to be done so that an account's three webhooks are there as this project wants them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from providers.contract import Account
from providers.messagemedia.api.models import MessageWebhook
from providers.messagemedia.api.webhooks import Webhooks
from providers.messagemedia.preparing.template import GROUPS, Group, webhook_url
from providers.messagemedia.proof.secret_headers import secret_headers_of
from providers.roles import SetupStep, StepKind

METHOD = "POST"
ENCODING = "JSON"
RETRIES = 5
RETRY_DELAY = 30
"""Seconds. Five retries are the most that there are, and both can be set at creation alone."""


def webhook_steps(api: Webhooks, account: Account, url: str, found: Sequence[MessageWebhook]) -> tuple[SetupStep, ...]:
    """Return a step for each of our webhooks, and one for each foreign one, which stays."""
    headers = _secret_header(account)
    there = {(webhook.url, webhook.method): webhook for webhook in found}
    ours = {(webhook_url(url, group), METHOD): group for group in GROUPS}
    steps = [_step(api, group, place[0], headers, there.get(place)) for place, group in ours.items()]
    return (*steps, *(_foreign(webhook) for place, webhook in there.items() if place not in ours))


def _step(api: Webhooks, group: Group, url: str, headers: Mapping[str, str], found: MessageWebhook | None) -> SetupStep:
    what = f"webhook {group.name}: {METHOD} {url}"
    if found is None or not found.id:
        words = f"{', '.join(group.events)}; {RETRIES} retries, {RETRY_DELAY} s apart{_secret_words(headers)}"
        return SetupStep(StepKind.CREATE, what, words, partial(_create, api, group, url, headers))
    differences = tuple(_differences(group, headers, found))
    if not differences:
        return SetupStep(StepKind.KEEP, what, _retries_note(found))
    merged = {**_without(found.headers or {}, headers), **headers} if headers else None
    detail = "; ".join(filter(None, (f"changes {', '.join(differences)}", _retries_note(found))))
    return SetupStep(StepKind.CHANGE, what, detail, partial(_update, api, group, found.id, merged))


async def _create(api: Webhooks, group: Group, url: str, headers: Mapping[str, str]) -> Sequence[str]:
    made = await api.create(
        url=url,
        method=METHOD,
        encoding=ENCODING,
        events=group.events,
        headers=headers or None,
        template=group.template,
        retries=RETRIES,
        retry_delay=RETRY_DELAY,
    )
    return (f"webhook {group.name} made, id {made.id}",)


async def _update(api: Webhooks, group: Group, webhook_id: str, headers: Mapping[str, str] | None) -> Sequence[str]:
    await api.update(webhook_id, encoding=ENCODING, events=group.events, headers=headers, template=group.template)
    return (f"webhook {group.name} changed, id {webhook_id}",)


def _differences(group: Group, headers: Mapping[str, str], found: MessageWebhook) -> Iterator[str]:
    """Yield the properties that are not as wanted, never their values: one of them is a secret."""
    if found.encoding != ENCODING:
        yield "encoding"
    if set(found.events) != set(group.events):
        yield "events"
    if (found.template or "").strip() != group.template:
        yield "template"
    said = {name.lower(): value for name, value in (found.headers or {}).items()}
    if any(said.get(name.lower()) != value for name, value in headers.items()):
        yield "the secret header"


def _retries_note(found: MessageWebhook) -> str:
    if found.retries is None or found.retries == RETRIES:
        return ""
    return f"it retries {found.retries} times, which no change mends: delete it and run this again for {RETRIES}"


def _secret_header(account: Account) -> Mapping[str, str]:
    """Return the header that proves our webhooks: the first of `secret_header`, so that a new one goes in front."""
    secrets = secret_headers_of(account)
    return {secrets[0].name: secrets[0].value.decode("ascii")} if secrets else {}


def _without(headers: Mapping[str, str], names: Mapping[str, str]) -> Mapping[str, str]:
    taken = {name.lower() for name in names}
    return {name: str(value) for name, value in headers.items() if name.lower() not in taken}


def _secret_words(headers: Mapping[str, str]) -> str:
    return f"; secret header {', '.join(headers)}" if headers else ""


def _foreign(webhook: MessageWebhook) -> SetupStep:
    # A query can hold a secret of somebody else's.
    shown = urlsplit(webhook.url or "")._replace(query="", fragment="").geturl()
    return SetupStep(StepKind.KEEP, f"another webhook: {webhook.method} {shown}", "not ours; stays as it is")
