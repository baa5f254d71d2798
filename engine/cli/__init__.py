"""The command line: python -m engine."""

from engine.cli.commands import main

__all__ = ["main"]
