"""The `[consumers.send]` table of the configuration."""

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.settings import Limits, setting


class InDoubt(StrEnum):
    """What is done about a call that may have had its effect, where the provider cannot tell: nothing, or it again."""

    SKIP = "skip"
    RESEND = "resend"


_POLICIES = tuple(str(policy) for policy in InDoubt)
_LONGEST_CALL = 90
_RATE = Limits(0.001, 10_000, zero=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAccount:
    """`[[consumers.send.accounts]]`: what is different for one account. What is left out is as for all accounts."""

    name: str = field(metadata={"doc": "the account"})
    in_doubt: str | None = setting(None, "as `in_doubt` of `[consumers.send]`", choices=_POLICIES)
    account_rate: float | None = setting(None, "as `account_rate` of `[consumers.send]`", limits=_RATE)
    sender_rate: float | None = setting(None, "as `sender_rate` of `[consumers.send]`", limits=_RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """What holds for one account. A rate of 0 is none."""

    in_doubt: InDoubt
    account_rate: float
    sender_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettings:
    """`[consumers.send]`: carrying out of commands."""

    attempts: int = setting(
        5,
        "calls with a lost answer that one command may cost, and as many that surely sent nothing; a provider that"
        " asks to wait uses up none of them, nor does any that sent nothing of a command with an expiry",
    )
    timeout: float = setting(20.0, "seconds that one call may take", limits=Limits(1, _LONGEST_CALL))
    in_doubt: str = setting(
        "skip",
        "what is done about a call that may have had its effect, where the provider neither knows an id again nor"
        " can be asked: `skip` never sends twice, `resend` rather sends twice than never",
        choices=_POLICIES,
    )
    account_rate: float = setting(0.0, "messages a second of one account, 0 for no limit", limits=_RATE)
    sender_rate: float = setting(0.0, "messages a second from one number of ours, 0 for no limit", limits=_RATE)
    calls_at_once: int = setting(
        16, "calls of one account under way at once, at most; none of them is another account's", limits=Limits(1, 128)
    )
    accounts: tuple[SendAccount, ...] = setting((), "accounts for which something of this is different")

    def of(self, account: str) -> AccountRules:
        """Return what holds for an account: what its own table says, else what is said for all."""
        own = next((each for each in self.accounts if each.name == account), SendAccount(name=account))
        return AccountRules(
            in_doubt=InDoubt(self.in_doubt if own.in_doubt is None else own.in_doubt),
            account_rate=self.account_rate if own.account_rate is None else own.account_rate,
            sender_rate=self.sender_rate if own.sender_rate is None else own.sender_rate,
        )
