"""All that a customer calls at Syniverse SCG, in one client. Source: specification, sections 1 to 3, 11, 12.

```python
async with SyniverseClient("env:SYNIVERSE_TOKEN") as client:
    request = await client.message_requests.create(
        MessageRequest(from_="sender_id:...", to=("+12025550142",), body="Hello", external_id="order-4713")
    )
    async for message in client.message_requests.messages(request.id):
        print(message.state)
```
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from providers.contract import Secret
from providers.credentials import credential
from providers.rest.errors import LimitError
from providers.rest.transport import Tempo, Transport
from providers.syniverse.api import kinds
from providers.syniverse.api.answers import errors_of
from providers.syniverse.api.attachments import Attachments
from providers.syniverse.api.calls import Api
from providers.syniverse.api.groups import Consent, Members, MessageRequests, Messages, SenderIds
from providers.syniverse.api.resource import Resource
from providers.syniverse.api.token_file import TokenFile
from providers.syniverse.api.tokens import DEFAULT_TOKEN_PATH, FOR_EVER, Bearer, Regeneration, Tokens

DEFAULT_BASE_URL = "https://api.syniverse.com"


class SyniverseClient:
    """Calls SCG with the token of one application. Connections open with the first call; close it in the end.

    Credentials are references (`env:NAME`, `file:PATH`) or Secrets. With `consumer_key` and `consumer_secret` a token
    that has died is regenerated, for `token_validity` seconds (0: for ever). That kills the old token: name a
    `token_file`, the same for all clients of that application, or the new one is lost when the process ends.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        token: Secret | str = "env:SYNIVERSE_TOKEN",  # noqa: S107 - a reference, no token
        *,
        consumer_key: Secret | str | None = None,
        consumer_secret: Secret | str | None = None,
        token_file: Path | str | None = None,
        token_validity: int | None = None,
        base_url: str = DEFAULT_BASE_URL,
        token_path: str = DEFAULT_TOKEN_PATH,
        tempo: Tempo | None = None,
    ) -> None:
        """Raises SecretError for a credential that is not there, LimitError for a validity that none has."""
        tempo = tempo or Tempo()
        self.clock = tempo.clock
        configured = credential(token)
        if (consumer_key is None) is not (consumer_secret is None):
            raise LimitError("consumer_key and consumer_secret go together")
        regeneration = None
        if consumer_key is not None and consumer_secret is not None:
            regeneration = Regeneration(
                consumer_key=credential(consumer_key),
                consumer_secret=credential(consumer_secret),
                path=token_path,
                validity=FOR_EVER if token_validity is None else token_validity,
            )
        file = None if token_file is None else TokenFile(Path(token_file), configured.value.strip())
        self._tokens = Tokens(configured, base_url, regeneration, file, tempo)
        self.transport = Transport(base_url, Bearer(self._tokens), errors_of, tempo)
        self._content = Transport(base_url, Bearer(self._tokens, own_4046=True), errors_of, tempo)
        self._offer(Api(self.transport, tempo.clock))

    def _offer(self, api: Api) -> None:
        self.message_requests = MessageRequests(api, kinds.REQUESTS)
        self.messages = Messages(api, kinds.MESSAGE)
        self.attachments = Attachments(api, kinds.ATTACHMENTS, self._content)
        self.contacts = Resource(api, kinds.CONTACTS)
        self.contact_groups = Resource(api, kinds.GROUPS)
        self.contact_group_members = Members(api, kinds.GROUP_MEMBERS, "contacts")
        self.sender_ids = SenderIds(api, kinds.SENDERS)
        self.sender_id_classes = Resource(api, kinds.CLASSES)
        self.sender_id_types = Resource(api, kinds.TYPES)
        self.channels = Resource(api, kinds.CHANNELS)
        self.channel_sender_ids = Members(api, kinds.CHANNEL_SENDERS, "sender_ids")
        self.templates = Resource(api, kinds.TEMPLATES)
        self.keywords = Resource(api, kinds.KEYWORDS)
        self.access_tokens = Resource(api, kinds.TOKENS)
        self.consent = Consent(api, kinds.CONSENT)
        self.consent_history = Resource(api, kinds.HISTORY)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, after a regeneration of the token that is under way."""
        try:
            await self._tokens.close()
        finally:
            try:
                await self._content.close()
            finally:
                await self.transport.close()
