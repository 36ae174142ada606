"""The book of consents: every statement, the one that counts for each person and scope, and the answer that follows."""

from collections.abc import Sequence

from sqlalchemy import Connection

from consumers.consent import table
from consumers.consent.numbers import canonical
from consumers.consent.permission import Permission
from consumers.consent.statement import EVERYWHERE, Statement, permission, statement_of, with_one_more
from consumers.state.database import Database
from schemas.events import ConsentChanged

MOST_HISTORY = 1000
"""Statements of one person that are shown at once, the latest."""


class ConsentBook:
    """Consent in the state. Every method raises StateError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def may_text(
        self, account: str, number: str, sender: str | None, said: ConsentChanged | None = None
    ) -> Permission:
        """Tell whether `number` may be texted from our number `sender`, as Consents tells."""
        more = None if said is None else statement_of(said)

        def work(connection: Connection) -> Permission:
            scope = None if sender is None else table.scope_of(connection, account, canonical(sender))
            counting = table.counting(connection, account, number)
            if more is None:
                return permission(counting, scope)
            # The message that says it came to our number and knows its scope, also where that was another before.
            knows = scope is None or more.scope != EVERYWHERE
            return permission(with_one_more(counting, more), more.scope if knows else scope)

        return await self._database.run(work)

    async def note(self, event: ConsentChanged, webhook_id: str | None = None) -> Statement:
        """Note a statement, and return the one that counts now for that person and scope.

        It may come late, and any number of times: a statement never undoes a later one. Raises OneIdError.
        """
        statement = statement_of(event, webhook_id)
        return await self._database.run(lambda connection: table.put(connection, statement))

    async def note_scope(self, account: str, ours: str, scope: str, moment_ms: int) -> None:
        """Note in which scope of the provider our number was at a moment, in Unix milliseconds."""
        number = canonical(ours)
        await self._database.run(lambda connection: table.put_scope(connection, account, number, scope, moment_ms))

    async def counting(self, number: str, account: str | None = None) -> Sequence[Statement]:
        """Return the statements that count for a person, one for each account and scope."""
        return await self._database.run(lambda connection: table.counting(connection, account, number))

    async def history(self, number: str, account: str | None = None, most: int = MOST_HISTORY) -> Sequence[Statement]:
        """Return what was said about a person, the latest first."""
        return await self._database.run(lambda connection: table.history(connection, account, number, most))
