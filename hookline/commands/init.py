"""Write a commented configuration, and say what to set in the provider's portal and what to type next."""

import argparse
import sys
from pathlib import Path

from hookline.called import DEFAULT_CONFIG, command, config_words
from hookline.configuration.template import config_text, variables
from hookline.errors import CommandError
from providers.contract import Provider
from providers.registry import PROVIDERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the provider and where to write."""
    parser.add_argument("provider", choices=sorted(PROVIDERS), help="whose webhooks will come")
    parser.add_argument("--output", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: hookline.toml")


def run(arguments: argparse.Namespace) -> int:
    """Write the file, unless there is one already."""
    provider = PROVIDERS[arguments.provider]
    output: Path = arguments.output
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(config_text(provider))
    except FileExistsError as error:
        raise CommandError(f"{output} is there already and stays as it is; --output FILE names another") from error
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from error
    sys.stdout.write(_next_steps(provider, output))
    return 0


def _next_steps(provider: Provider, output: Path) -> str:
    option = config_words(output)
    url = "https://YOUR-HOST/webhooks/main"
    steps = [step.replace("/webhooks/ACCOUNT", "/webhooks/main") for step in provider.portal_steps]
    portal = "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1))
    exports = "\n".join(f"  export {name}=..." for name in variables(provider))
    return (
        f"wrote {output}\n\n"
        f"At {provider.title} (the webhook URL is {url}):\n{portal}\n\n"
        f"Then here:\n{exports}\n  {command('doctor', *option)}\n  {command('run', *option)}\n"
    )
