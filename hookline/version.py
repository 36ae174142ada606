"""The version, alone in its file: asking the installed package for it costs more than `--help` may take."""

__version__ = "0.1.0"
