"""Print the events that a webhook's body gives. Needs no key, no server and no configuration.

To try it:
  hookline normalize telnyx body.json
  curl -s https://example.org/body.json | hookline normalize telnyx -
"""

import argparse
import sys
import time
from typing import Any

import orjson

from hookline.commands.options import read_input
from hookline.configuration.accounts import wrong_name
from hookline.errors import CommandError
from providers.contract import NO_SETTINGS, Provider
from providers.registry import PROVIDERS
from schemas.codec import encode_event
from schemas.events import Event
from schemas.times import from_clock
from schemas.topics import TOPIC_OF, partition_key
from schemas.webhook import Webhook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the provider and the body."""
    parser.add_argument("provider", choices=sorted(PROVIDERS), help="whose webhook it is")
    parser.add_argument("file", metavar="FILE", help="the body of the webhook; `-` reads standard input")
    parser.add_argument(
        "--account", type=_account, default="main", help="account name to use in ids and keys (default: main)"
    )
    parser.add_argument("--lines", action="store_true", help="one event a line even on a terminal")


def run(arguments: argparse.Namespace) -> int:
    """Print one JSON object for each event."""
    body = read_input(arguments.file)
    if not body.strip():
        raise CommandError(f"{arguments.file}: empty; expected the body of a webhook")
    pretty = sys.stdout.isatty() and not arguments.lines
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if pretty else 0)
    for event in events_of(PROVIDERS[arguments.provider], arguments.account, body):
        sys.stdout.write(orjson.dumps(describe(event, pretty=pretty), option=option).decode())
    return 0


def events_of(provider: Provider, account: str, body: bytes) -> tuple[Event, ...]:
    """Return the events that the body gives, as if it had just come in."""
    return provider.normalize(
        Webhook(
            provider=provider.name,
            account=account,
            method="POST",
            target=f"/webhooks/{account}",
            headers=(("content-type", "application/json"),),
            body=body,
            received_at=from_clock(time.time),
        ),
        NO_SETTINGS,
    )


def describe(event: Event, *, pretty: bool) -> dict[str, Any]:
    """Return what of an event is worth seeing: where it goes, under which id and key, and its data."""
    data = encode_event(event)
    return {
        "type": event.TYPE,
        "id": event.id,
        "topic": TOPIC_OF[event.TYPE].name,
        "key": partition_key(event).decode("utf-8", "replace"),
        # A fragment keeps every digit and every member's place, but cannot be indented.
        "data": orjson.loads(data) if pretty or b"\n" in data else orjson.Fragment(data),
    }


def _account(name: str) -> str:
    wrong = wrong_name(name)
    if wrong is not None:
        raise argparse.ArgumentTypeError(wrong)
    return name
