"""Print the events that a webhook's body gives. Needs no key, no server and no configuration.

To try it:
  hookline normalize telnyx body.json
  curl -s https://example.org/body.json | hookline normalize telnyx -
  echo 'replyId=1&replyContent=Hi' | hookline normalize messagemedia - --query
  hookline normalize syniverse message.json --polled /scg-external-api/api/v1/messaging/messages
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
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the provider and the body."""
    parser.add_argument("provider", choices=sorted(PROVIDERS), help="whose webhook it is")
    parser.add_argument("file", metavar="FILE", help="the body of the webhook; `-` reads standard input")
    parser.add_argument(
        "--account", type=_account, default="main", help="account name to use in ids and keys (default: main)"
    )
    parser.add_argument("--content-type", metavar="TYPE", help="of the body (default: what it looks like)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--query", action="store_true", help="FILE is the query of a webhook that came by GET")
    shape.add_argument("--polled", metavar="PATH", help="FILE is an item that a poll found under that path of the API")
    parser.add_argument("--lines", action="store_true", help="one event a line even on a terminal")


def run(arguments: argparse.Namespace) -> int:
    """Print one JSON object for each event."""
    body = read_input(arguments.file)
    if not body.strip():
        raise CommandError(f"{arguments.file}: empty; expected the body of a webhook")
    pretty = sys.stdout.isatty() and not arguments.lines
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if pretty else 0)
    provider = PROVIDERS[arguments.provider]
    for event in provider.normalize(_webhook(provider, arguments, body), NO_SETTINGS):
        sys.stdout.write(orjson.dumps(describe(event, pretty=pretty), option=option).decode())
    return 0


def _webhook(provider: Provider, arguments: argparse.Namespace, body: bytes) -> Webhook:
    """Return the webhook, as if it had just come in."""
    content_type = "" if arguments.query else arguments.content_type or looks_like(body)
    target = f"/webhooks/{arguments.account}"
    if arguments.query:
        target += "?" + body.decode("utf-8", "surrogateescape").strip()
    return Webhook(
        provider=provider.name,
        account=arguments.account,
        method="GET" if arguments.query or arguments.polled else "POST",
        target=arguments.polled or target,
        headers=(("content-type", content_type),) if content_type else (),
        body=b"" if arguments.query else body,
        received_at=from_clock(time.time),
        ingress=Ingress.POLL if arguments.polled else Ingress.PUSH,
    )


def looks_like(body: bytes) -> str:
    """Return the content type that a body looks like: JSON, XML, or a form."""
    start = body.lstrip()[:1]
    if start == b"<":
        return "application/xml"
    is_form = start not in {b"{", b"[", b'"'} and b"=" in body
    return "application/x-www-form-urlencoded" if is_form else "application/json"


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
