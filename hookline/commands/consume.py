"""Run consumers only, by name. SIGTERM or Ctrl-C ends them in order.

consumers:
  auto-reply  answers inbound messages by the rules of the configuration; gives commands, sends nothing itself
  send        carries commands out through the provider's API
  consent     keeps the book of who may be texted, from what providers, people and ourselves say
  confirm     marks delivery reports and messages at the provider as received, once they are stored
"""

import argparse

from consumers.catalogue import CONSUMERS
from hookline.commands.options import add_addresses, add_config, configured_to_serve

NAMES = tuple(consumer.name for consumer in CONSUMERS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the names and the configuration."""
    parser.add_argument(
        "names", nargs="+", metavar="NAME", type=_name, choices=NAMES, help=f"one or more of: {', '.join(NAMES)}"
    )
    add_config(parser)
    add_addresses(parser, listen=False)


def run(arguments: argparse.Namespace) -> int:
    """Consume until a signal comes."""
    from hookline.process.application import Role
    from hookline.process.serving import serve

    return serve(configured_to_serve(arguments), frozenset(Role(name) for name in arguments.names))


def _name(word: str) -> str:
    # The configuration writes `auto_reply`; whoever types that here means the same.
    return word.replace("_", "-")
