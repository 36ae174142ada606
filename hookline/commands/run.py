"""Receive webhooks and run all consumers in one process. SIGTERM or Ctrl-C ends it in order."""

import argparse

from hookline.commands.options import add_addresses, add_config, configured_to_serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the configuration."""
    add_config(parser)
    add_addresses(parser, listen=True)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from hookline.process.roles import roles_with_work
    from hookline.process.serving import serve

    config = configured_to_serve(arguments)
    return serve(config, roles_with_work(config.consumers))
