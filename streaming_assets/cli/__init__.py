"""The command line `streaming-assets`."""

from __future__ import annotations

import sys

from streaming_assets.errors import StreamingAssetsError

INTERRUPTED = 130
"""Exit code of a process that was ended by Ctrl-C."""


def main() -> None:
    """Run the command line; a fault that is the user's to mend is told without a stack trace."""
    from streaming_assets.cli.app import app  # noqa: PLC0415 (`--help` and errors of the import are told the same way)
    from streaming_assets.cli.console import print_error  # noqa: PLC0415

    try:
        app()
    except StreamingAssetsError as error:
        print_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
