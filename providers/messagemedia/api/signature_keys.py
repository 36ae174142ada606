"""The keys that notifications are signed with. Source: README of this folder, section 5."""

from collections.abc import Sequence

from providers.messagemedia.api import limits
from providers.messagemedia.api.calls import Calls, list_of, object_if_any, object_of
from providers.messagemedia.api.models import SignatureKey
from providers.rest.answers import Answer
from providers.rest.operations import operation
from providers.rest.pages import Page, Pages
from providers.rest.paths import path_part

_PATH = "/v1/iam/signature_keys"
_ENABLED = f"{_PATH}/enabled"
DEFAULT_PAGE_SIZE = 20


class SignatureKeys:
    """The signature keys of an account, of which one at a time is enabled.

    Without the account feature (API_SECURE_CALLBACKS) every call raises AuthenticationError, status 403.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @operation("POST", _PATH)
    async def create(self, *, digest: str = "SHA256", cipher: str = "RSA") -> SignatureKey:
        """Create a key, not enabled yet; its `public_key` is told this once.

        `digest` is SHA224, SHA256 or SHA512; `cipher` is RSA. Raises LimitError, ApiError.
        """
        limits.check_word("digest", digest, limits.DIGESTS)
        limits.check_word("cipher", cipher, limits.CIPHERS)
        body = {"digest": digest, "cipher": cipher}
        return _key("signature_keys.create", await self._calls.change("signature_keys.create", "POST", _PATH, body))

    @operation("GET", _PATH)
    def list(self, *, page_size: int = DEFAULT_PAGE_SIZE) -> Pages[SignatureKey]:
        """List the keys of the account, without their public keys; pages count from 1.

        The provider may give smaller pages than it was asked for, and does not say so: an empty page ends the list,
        and one that is the same as the page before it.
        """
        limits.check_page_size(page_size)
        last: tuple[int, Sequence[object]] = (0, ())

        async def fetch(page: int) -> Page[SignatureKey]:
            nonlocal last
            query = (("page", str(page)), ("page_size", str(page_size)))
            found = list_of(await self._calls.get("signature_keys.list", _PATH, query), "signature_keys.list")
            if last == (page - 1, found):
                return Page(items=(), place=page)
            last = (page, found)
            return Page(items=tuple(map(SignatureKey.of, found)), place=page, next_place=page + 1 if found else None)

        return Pages(fetch, 1)

    @operation("GET", f"{_PATH}/{{key_id}}")
    async def get(self, key_id: str) -> SignatureKey:
        """Return one key, without its public key.

        Raises NotFoundError.
        """
        return _key("signature_keys.get", await self._calls.get("signature_keys.get", _one(key_id)))

    @operation("GET", _ENABLED)
    async def get_enabled(self) -> SignatureKey:
        """Return the key that is enabled.

        Raises NotFoundError where none is.
        """
        return _key("signature_keys.get_enabled", await self._calls.get("signature_keys.get_enabled", _ENABLED))

    @operation("PATCH", _ENABLED)
    async def enable(self, key_id: str) -> SignatureKey:
        """Enable a key, which disables the one that was enabled.

        Raises NotFoundError.
        """
        limits.check_id("key_id", key_id)
        body = {"key_id": key_id}
        name = "signature_keys.enable"
        answer = await self._calls.change(name, "PATCH", _ENABLED, body, repeatable=True)
        return SignatureKey.of(object_if_any(answer, name))

    @operation("DELETE", _ENABLED)
    async def disable(self) -> None:
        """Disable the key that is enabled, if one is: notifications are then not signed."""
        await self._calls.change("signature_keys.disable", "DELETE", _ENABLED, repeatable=True)

    @operation("DELETE", f"{_PATH}/{{key_id}}")
    async def delete(self, key_id: str) -> None:
        """Delete a key.

        Raises NotFoundError, also where a repeat of a lost answer finds it gone.
        """
        await self._calls.change("signature_keys.delete", "DELETE", _one(key_id), repeatable=True)


def _one(key_id: str) -> str:
    return f"{_PATH}/{path_part('key_id', key_id)}"


def _key(name: str, answer: Answer) -> SignatureKey:
    return SignatureKey.of(object_of(answer, name))
