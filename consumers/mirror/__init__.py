"""Mirror: each raw webhook, as it came, to an old handler. See docs/mirror.md."""
