"""The words by which people opt out and in; the whole text of a message is one of them. In lower case.

A provider's own table begins with these, and adds or leaves out what its documentation says.
"""

CARRIER_STOP_WORDS = frozenset({"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit"})
"""Those of the carriers in the United States (CTIA Messaging Principles, 5.1.3)."""

STOP_WORDS = CARRIER_STOP_WORDS | {"revoke", "optout", "opt out", "opt-out"}
"""With those that the law of the United States names (47 CFR 64.1200(a)(10)): a mistake errs towards opting out."""

START_WORDS = frozenset({"start", "unstop"})
"""The words that undo an opt-out."""

HELP_WORDS = frozenset({"help", "info"})
"""The words that ask who it is that writes."""
