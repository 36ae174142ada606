"""The root of the errors whose words are meant for people: a command shows them as they are, in one plain line."""


class HooklineError(Exception):
    """Something that whoever runs Hookline can act on; its text says what is wrong, and shows no secret."""
