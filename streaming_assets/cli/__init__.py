"""The command line `streaming-assets`."""

from __future__ import annotations

import signal
import sys

from streaming_assets.cli.interrupts import check_interrupt, interrupted, note_interrupts
from streaming_assets.cli.leaving import leave
from streaming_assets.errors import StreamingAssetsError

INTERRUPTED = 130
"""Exit code of a process that was ended by Ctrl-C."""


def main() -> None:
    """Run the command line; a fault that is the user's to fix is reported without a stack trace."""
    try:
        note_interrupts()
        _run()
    except BaseException as error:
        leave(_exit_code(error))
        if not interrupted():
            raise
        sys.exit(INTERRUPTED)
    finally:
        # All is done; what Python does at its end would show an interrupt with a stack trace.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _exit_code(error: BaseException) -> int:
    """Return the exit code that Python would give a process that ends by an error; 130 after an interrupt."""
    if interrupted():
        return INTERRUPTED
    code = error.code if isinstance(error, SystemExit) else 1
    return code if isinstance(code, int) else int(code is not None)


def _run() -> None:
    from streaming_assets.cli.app import app  # noqa: PLC0415 (an interrupt of the import is told the same way)
    from streaming_assets.cli.console import print_error  # noqa: PLC0415

    try:
        app()
    except StreamingAssetsError as error:
        check_interrupt()
        print_error(error)
        sys.exit(1)
