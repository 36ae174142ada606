"""What Telnyx's API lets us prepare: the webhook URL and version of a messaging profile. Source: README, "Setup"."""

import time
from collections.abc import Sequence

from providers.contract import Account
from providers.roles import SetupRequest, SetupStep, StepKind
from providers.telnyx.access import api_key_of, base_url_of, transport
from providers.telnyx.models import MessagingProfile
from providers.telnyx.profiles import ProfileCalls

WEBHOOK_API_VERSION = "2"
"""The one version that is signed with Ed25519."""


class TelnyxSetup:
    """Points one messaging profile at us. To run it again does no harm."""

    def __init__(self, profiles: ProfileCalls, request: SetupRequest, profile_id: str | None, has_key: bool) -> None:
        """`profile_id` names the profile where there are several; `has_key` tells whether a public key is known."""
        self._profiles = profiles
        self._request = request
        self._profile_id = profile_id
        self._has_key = has_key

    async def plan(self) -> Sequence[SetupStep]:
        """Ask Telnyx how things stand and return what is to be done. Changes nothing. Raises ApiError."""
        profiles = [profile async for profile in self._profiles.list_profiles() if profile.id]
        return (*self._of_profile(profiles), *self._of_key())

    async def close(self) -> None:
        """Close the connections."""
        await self._profiles.close()

    def _of_profile(self, profiles: Sequence[MessagingProfile]) -> Sequence[SetupStep]:
        wanted = [profile for profile in profiles if self._profile_id in {None, profile.id}]
        if len(wanted) != 1:
            return (_choose(profiles, self._profile_id),)
        return (self._webhook(wanted[0]), *_disabled(wanted[0]))

    def _webhook(self, profile: MessagingProfile) -> SetupStep:
        now = {"webhook_url": profile.webhook_url, "webhook_api_version": profile.webhook_api_version}
        wish = {"webhook_url": self._request.url, "webhook_api_version": WEBHOOK_API_VERSION}
        name = f"messaging profile {profile.id}"
        if now == wish:
            return SetupStep(StepKind.KEEP, f"{name}: webhook URL and version", self._request.url)
        changes = "; ".join(
            f"{field} from {now[field]!r} to {wish[field]!r}" for field in wish if now[field] != wish[field]
        )

        async def apply() -> Sequence[str]:
            await self._profiles.set_webhook(profile.id or "", self._request.url, WEBHOOK_API_VERSION)
            return (f"{name}: webhooks go to {self._request.url} in version {WEBHOOK_API_VERSION}",)

        return SetupStep(StepKind.CHANGE, f"{name}: webhook URL and version", changes, apply)

    def _of_key(self) -> Sequence[SetupStep]:
        if self._has_key and not self._request.rotate:
            return ()
        what = (
            "make a new public key and add it to public_keys"
            if self._has_key
            else "copy the public key into public_keys"
        )
        return (SetupStep(StepKind.MANUAL, what, "portal: Account, Keys & Credentials, Public Key; no API gives it"),)


def _choose(profiles: Sequence[MessagingProfile], wanted: str | None) -> SetupStep:
    names = ", ".join(f"{profile.id} ({profile.name})" if profile.name else f"{profile.id}" for profile in profiles)
    if not profiles:
        return SetupStep(
            StepKind.MANUAL, "create a messaging profile and assign your numbers to it", "portal: Messaging"
        )
    reason = "there are several" if wanted is None else f"there is no {wanted}"
    return SetupStep(StepKind.MANUAL, "set messaging_profile_id to one of the messaging profiles", f"{reason}: {names}")


def _disabled(profile: MessagingProfile) -> Sequence[SetupStep]:
    if profile.enabled is not False:
        return ()
    return (SetupStep(StepKind.MANUAL, f"enable messaging profile {profile.id}", "it is disabled"),)


def setup(account: Account, request: SetupRequest) -> TelnyxSetup:
    """Return the setup of an account. Raises AccountError where the API key or the base URL is not usable."""
    profiles = ProfileCalls(transport(base_url_of(account), api_key_of(account)), time.time)
    profile_id = account.settings.get("messaging_profile_id")
    return TelnyxSetup(profiles, request, profile_id, bool(account.settings.get("public_keys")))
