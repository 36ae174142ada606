"""Run consumers only, by name. SIGTERM or Ctrl-C ends them in order.

One of your own is named MODULE:NAME, as `crm:crm` for `crm = Consumer("crm")` in crm.py. The module is looked for
among what is installed, then in the working directory. docs/writing-a-consumer.md tells how to write it.

consumers:
  auto-reply  answers inbound messages by the rules of the configuration; gives commands, sends nothing itself
  send        carries commands out through the provider's API
  consent     keeps the book of who may be texted, from what providers, people and ourselves say
  confirm     marks delivery reports and messages at the provider as received, once they are stored
  track       keeps the state of each message, in a table and on its compacted topic
  mirror      posts each raw webhook to an old handler, as it came
"""

import argparse

from consumers.catalogue import CONSUMERS
from hookline.commands.options import add_addresses, add_config, configured_to_serve
from hookline.configuration.problems import ConfigError

NAMES = tuple(consumer.name for consumer in CONSUMERS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the names and the configuration."""
    parser.add_argument(
        "names", nargs="+", metavar="NAME", type=_name, help=f"one or more of: {', '.join(NAMES)}, MODULE:NAME"
    )
    add_config(parser)
    add_addresses(parser, listen=False)


def run(arguments: argparse.Namespace) -> int:
    """Consume until a signal comes."""
    from hookline.kit.finding import find_consumers
    from hookline.process.application import Role
    from hookline.process.serving import serve

    config = configured_to_serve(arguments)
    if Role.MIRROR in arguments.names and not config.consumers.mirror.targets:
        raise ConfigError(f"{config.path}: mirror has no target: add a table [consumers.mirror.targets.NAME]")
    others = find_consumers(name for name in arguments.names if ":" in name)
    return serve(config, frozenset(Role(name) for name in arguments.names if ":" not in name), others)


def _name(word: str) -> str:
    if ":" in word:
        return word
    # The configuration writes `auto_reply`; whoever types that here means the same.
    name = word.replace("_", "-")
    if name not in NAMES:
        raise argparse.ArgumentTypeError(
            f"no consumer {word!r} (choose from {', '.join(NAMES)}, or name one of your own as MODULE:NAME)"
        )
    return name
