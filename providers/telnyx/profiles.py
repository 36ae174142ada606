"""The messaging profiles of a Telnyx account: where their webhooks go. Source: Telnyx's Python SDK 4.189.0.

These calls serve the setup alone and are none of the client's operations.
"""

from providers.rest.pages import Pages
from providers.rest.paths import path_part
from providers.telnyx import limits
from providers.telnyx.calls import Calls, body_of
from providers.telnyx.models import MessagingProfile

_PATH = "/messaging_profiles"


class ProfileCalls(Calls):
    """Reads and changes messaging profiles. Each call raises ApiError."""

    def list_profiles(self) -> Pages[MessagingProfile]:
        """Return all messaging profiles of the account."""
        return self._list("list_profiles", _PATH, MessagingProfile, {"page[size]": limits.LARGEST_PAGE})

    async def set_webhook(self, profile_id: str, url: str, version: str) -> MessagingProfile:
        """Set where a profile's webhooks go, and in which version."""
        path = f"{_PATH}/{path_part('messaging_profile_id', profile_id)}"
        body = body_of({"webhook_url": url, "webhook_api_version": version})
        return await self._write("set_webhook", "PATCH", path, body, MessagingProfile)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()
