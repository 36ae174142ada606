"""The account's signature keys over the API. A public key is told once, when it is made."""

from typing import Any

from providers.api_calls import Call, json_answer, no_content
from providers.messagemedia.simulation.bodies import stamp
from providers.messagemedia.simulation.refusals import NO_ENTITY, error
from providers.messagemedia.simulation.rsa_keys import DIGESTS, KeyRing, SignatureKey
from providers.simulation import ApiAnswer

_MOST = 100


class SignatureKeys:
    """Answers for the ring of keys by which the cloud signs."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def create(self, call: Call) -> ApiAnswer:
        """Answer a creation with the public key; the new one is not enabled yet."""
        given = call.fields()
        digest = given.get("digest")
        if digest not in tuple(DIGESTS) or given.get("cipher") != "RSA" or len(self._ring.every()) >= _MOST:
            return error(400, "Bad Request", "/digest: SHA224, SHA256 or SHA512; /cipher: RSA")
        key = self._ring.create(digest, call.now)
        return json_answer(201, {**self._shown(key), "public_key": key.public})

    def list(self, call: Call) -> ApiAnswer:
        """Answer a page; pages count from 1."""
        page, size = max(call.whole("page", 1), 1), max(call.whole("page_size", 20), 1)
        keys = self._ring.every()[(page - 1) * size : page * size]
        return json_answer(200, [self._shown(key) for key in keys])

    def get(self, _call: Call, key_id: str) -> ApiAnswer:
        """Answer one key."""
        key = self._ring.find(key_id)
        return error(404, NO_ENTITY) if key is None else json_answer(200, self._shown(key))

    def enable(self, call: Call) -> ApiAnswer:
        """Enable one key, and so disable the other."""
        key_id = call.fields().get("key_id")
        if key_id is None:
            return error(400, "Bad Request", "/key_id: Key id cannot be null")
        key = self._ring.find(key_id)
        if key is None:
            return error(404, NO_ENTITY)
        self._ring.enabled = key
        return json_answer(200, self._shown(key))

    def enabled(self, _call: Call) -> ApiAnswer:
        """Answer the key that is enabled."""
        key = self._ring.enabled
        return error(404, "Currently no key is enabled") if key is None else json_answer(200, self._shown(key))

    def disable(self, _call: Call) -> ApiAnswer:
        """Enable none: what the cloud sends is not signed from now on."""
        self._ring.enabled = None
        return no_content()

    def delete(self, _call: Call, key_id: str) -> ApiAnswer:
        """Forget a key."""
        key = self._ring.find(key_id)
        if key is None:
            return error(404, NO_ENTITY)
        self._ring.delete(key)
        return no_content(200)

    def _shown(self, key: SignatureKey) -> dict[str, Any]:
        return {
            "key_id": key.id,
            "cipher": "RSA",
            "digest": key.digest,
            "created": stamp(key.created),
            "enabled": key == self._ring.enabled,
        }
