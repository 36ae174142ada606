"""The `[consumers.consent]` table of the configuration."""

from dataclasses import dataclass

from schemas.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSettings:
    """`[consumers.consent]`: who may be texted."""

    stop_words: tuple[str, ...] = setting(
        (), "words that opt a person out besides those of the carriers and of the law, as ARRET; the whole text is one"
    )
