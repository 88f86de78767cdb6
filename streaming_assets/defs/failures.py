"""Errors as Dagster shows them: what was found and what to do, instead of a stack trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from streaming_assets.errors import BrokerError, ConcurrentWrite, StreamingAssetsError, TableBusy

RETRIES = 2
"""How often a step is tried again after a fault that may pass by itself."""

RETRY_SECONDS = 5
"""Wait before the first retry; the second waits twice as long."""

_PASSING = (BrokerError, ConcurrentWrite, TableBusy)


@contextmanager
def explained(
    context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> Iterator[None]:
    """Turn an error raised on purpose into a failure of the step, or into a retry where the fault may pass by itself.

    Errors of any other kind are faults of this framework and keep their stack trace.

    Raises:
        dagster.Failure: With the error's parts as metadata.
        dagster.RetryRequested: The same, and the step is to be tried again.
    """
    try:
        yield
    except StreamingAssetsError as error:
        # The whole text, because Dagster puts its own stack trace below the description.
        failure = dg.Failure(str(error), metadata=dict(error.parts()), allow_retries=False)
        if isinstance(error, _PASSING) and context.retry_number < RETRIES:
            context.log.warning("%s", error)
            wait = RETRY_SECONDS * 2**context.retry_number
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait) from failure
        raise failure from None
