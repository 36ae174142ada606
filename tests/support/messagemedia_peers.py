"""Performs what MessageMedia's webhooks and signing-keys SDKs can, against the server that the arguments name.

A program of its own: importing these SDKs gives the whole process a log on standard output. Its lines are the names
of the operations, in order; what an SDK thinks of the answers does not matter.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from message_media_signing_keys.configuration import Configuration as KeysConfiguration
from message_media_signing_keys.message_media_signing_keys_client import MessageMediaSigningKeysClient
from message_media_signing_keys.models.create_signature_key_request import CreateSignatureKeyRequest
from message_media_signing_keys.models.enable_signature_key_request import EnableSignatureKeyRequest
from message_media_webhooks.configuration import Configuration as WebhooksConfiguration
from message_media_webhooks.message_media_webhooks_client import MessageMediaWebhooksClient
from message_media_webhooks.models.create_webhook_request import CreateWebhookRequest
from message_media_webhooks.models.update_webhook_request import UpdateWebhookRequest

WEBHOOK: Mapping[str, Any] = {
    "url": "https://hooks.example/mm",
    "method": "POST",
    "encoding": "JSON",
    "headers": {"x-own": "1"},
    "events": ["RECEIVED_SMS", "OPT_OUT_SMS"],
    "template": '{"id":"$moId"}',
}
CHANGE: Mapping[str, Any] = {"url": "https://hooks.example/other", "events": ["DELIVERED_DR"]}
ID = "877c19ef-fa2e-4cec-827a-e1df9b5509f7"


def main(url: str, key: str, secret: str) -> None:
    """Perform every operation."""
    WebhooksConfiguration.base_uri = KeysConfiguration.base_uri = url
    webhooks = MessageMediaWebhooksClient(key, secret).webhooks
    keys = MessageMediaSigningKeysClient(key, secret).signature_key_management
    operations = {
        "webhooks.create": lambda: webhooks.create_webhook(CreateWebhookRequest(**WEBHOOK)),
        "webhooks.list": lambda: webhooks.retrieve_webhook(0, 20),
        "webhooks.update": lambda: webhooks.update_webhook(ID, UpdateWebhookRequest(**CHANGE)),
        "webhooks.delete": lambda: webhooks.delete_webhook(ID),
        "signature_keys.create": lambda: keys.create_signature_key(CreateSignatureKeyRequest("SHA256", "RSA")),
        "signature_keys.list": keys.get_signature_key_list,
        "signature_keys.get": lambda: keys.get_signature_key_detail(ID),
        "signature_keys.get_enabled": keys.get_enabled_signature_key,
        "signature_keys.enable": lambda: keys.update_enable_signature_key(EnableSignatureKeyRequest(ID)),
        "signature_keys.disable": keys.delete_disable_the_current_enabled_signature_key,
        "signature_keys.delete": lambda: keys.delete_signature_key(ID),
    }
    for name, perform in operations.items():
        with suppress(Exception):
            perform()
        sys.stdout.write(f"performed {name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:4])
