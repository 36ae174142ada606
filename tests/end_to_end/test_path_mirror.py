"""The path to an old handler on both logs: what the provider signed verifies there, also after it was away."""

import time

from providers.contract import Request, Secret, Verdict
from providers.telnyx.signature import verifier
from tests.support.old_handler import OldHandler, Reply, old_handler
from tests.support.site import Site, inbound_body, until
from tests.support.telnyx import account_of


def verdict(site: Site, got: Request) -> Verdict:
    """Return what an old handler with the provider's key says."""
    key = site.provider.cloud.environment()["TELNYX_PUBLIC_KEY"]
    return verifier(account_of(Secret(key, "test").value)).verify(got, time.time()).verdict


def mirror_to(site: Site, handler: OldHandler) -> None:
    """Configure the target."""
    target = ("[consumers.mirror.targets.old]", f'url = "{handler.url}/old"', 'headers = { X-Old = "file:old" }')
    (site.folder / "old").write_text("secret of the old handler")
    site.more = target


async def test_a_signed_webhook_verifies_at_the_old_handler(site: Site) -> None:
    """Beside all that Hookline does with it; what the old handler does not take comes again."""
    async with old_handler() as handler:
        mirror_to(site, handler)
        handler.replies.append(Reply(503, {"Retry-After": "1"}))
        process = await site.start("run")
        body = inbound_body("HOURS", "m1")
        assert await site.post(process, body) == 200

        async def taken() -> bool:
            return len(handler.got) >= 2

        await until(taken, "the webhook at the old handler")
        assert set(handler.bodies) == {body}
        assert {verdict(site, got) for got in handler.got} == {Verdict.VERIFIED}
        assert handler.fields("x-old") == ["secret of the old handler"]
        assert await process.end() == 0
