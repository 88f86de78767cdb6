"""The workspace that the environment of databricks-sdk names, and what it refuses, as errors a person can act on."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import metadata
from typing import TypeVar

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    DeadlineExceeded,
    InternalError,
    NotFound,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
)
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.retries import retried

from streaming_assets.errors import JobError, QuotaExceeded, VolumeMissing, WorkspaceRefused
from streaming_assets.settings import PREFIX

NOTHING = "nothing was read or written"
LAUNCHED = "a job that was launched before goes on in the workspace; what it commits is whole"

_LONGEST = 1000
_REPEATED_SECONDS = 300
"""How long the SDK repeats a request, unless it is told otherwise."""

Answer = TypeVar("Answer")


def open_workspace() -> WorkspaceClient:
    """Return a client of the workspace that `DATABRICKS_HOST`, or a profile of `~/.databrickscfg`, names.

    Raises:
        WorkspaceRefused: None is named, or there is no way to log in.
    """
    try:
        return WorkspaceClient(product="streaming-assets", product_version=metadata.version("streaming-assets"))
    except ValueError as error:
        raise WorkspaceRefused(
            "There is no Databricks workspace to work in.",
            # What follows are the settings of the SDK, which are no help without its documentation.
            found=str(error).split(". Config:", maxsplit=1)[0],
            expected="DATABRICKS_HOST and a way to log in, such as DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and "
            "DATABRICKS_CLIENT_SECRET",
            meaning=NOTHING,
            remedy="set them where Dagster runs; see docs/databricks.md",
        ) from None


def repeated(client: WorkspaceClient, ask: Callable[[], Answer]) -> Answer:
    """Ask the workspace for what does no harm twice, again while it, or a gateway before it, fails by itself.

    The SDK does so where it is throttled (429, 503) or does not come through, but not for the codes 408, 500, 502 and
    504, as it does not know which requests may be sent again.
    """
    seconds = client.config.retry_timeout_seconds or _REPEATED_SECONDS
    return retried(is_retryable=_may_pass, timeout=timedelta(seconds=seconds))(ask)()  # type: ignore[no-any-return]


def _may_pass(error: BaseException) -> str | None:
    # 408 and 502 have no kind of their own.
    passing = isinstance(error, (InternalError, DeadlineExceeded)) or type(error) is DatabricksError
    return "the workspace failed by itself" if passing else None


@contextmanager
def refusals_told(
    client: WorkspaceClient,
    doing: str,
    *,
    volume: str | None = None,
    setting: str | None = None,
    meaning: str = NOTHING,
) -> Iterator[None]:
    """Turn what the workspace refuses into our errors; none of them shows the token.

    Args:
        client: The workspace.
        doing: What is asked of it, as in "could not <doing>".
        volume: The volume, where it is about one.
        setting: The setting that names what is asked for, where one does.
        meaning: What a refusal means for the data.

    Raises:
        JobError: The workspace refused; its kind says why.
    """
    try:
        yield
    except (DatabricksError, requests.RequestException, TimeoutError) as error:
        raise _refusal(client, error, doing, volume, setting, meaning) from None
    except ValueError as error:
        if not _comes_from_sdk(error):
            raise
        raise _refusal(client, error, doing, volume, setting, meaning) from None


def _comes_from_sdk(error: ValueError) -> bool:
    """Tell whether the SDK raised an error, as where a login is refused; all others are faults of this framework."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(module.startswith("databricks.sdk") for module in modules)


def _refusal(  # noqa: PLR0913, PLR0917 - what an error tells
    client: WorkspaceClient, error: Exception, doing: str, volume: str | None, setting: str | None, meaning: str
) -> JobError:
    # The SDK repeats what may pass by itself for five minutes, and then tells of the time only.
    cause = error.__cause__ if isinstance(error, TimeoutError) and isinstance(error.__cause__, Exception) else error
    host = client.config.host
    found = _without_secrets(client, f"{host}: {type(cause).__name__}: {_words_of(cause)}")
    if isinstance(cause, TooManyRequests):
        return QuotaExceeded(
            f"The Databricks workspace takes no more at the moment: could not {doing}.",
            found=found,
            meaning=meaning,
            remedy="try again later, run fewer jobs at a time, or have the workspace's limits raised",
        )
    if isinstance(cause, NotFound) and volume is not None:
        return VolumeMissing(
            f"There is no volume at {volume}.",
            found=found,
            expected="a Unity Catalog volume that who asks can read and write",
            meaning=meaning,
            remedy="create it (`CREATE VOLUME <catalog>.<schema>.<volume>`), grant READ VOLUME and WRITE VOLUME, or "
            "mend STREAMING_ASSETS_DATABRICKS_VOLUME",
        )
    if isinstance(cause, (Unauthenticated, PermissionDenied)):
        return WorkspaceRefused(
            f"The Databricks workspace does not let us in: could not {doing}.",
            found=found,
            expected="a login that may do this",
            meaning=meaning,
            remedy="renew the token, or give its user or service principal the permissions of docs/databricks.md",
        )
    if isinstance(cause, (BadRequest, NotFound)) and setting is not None:
        return WorkspaceRefused(
            f"The Databricks workspace does not know what it was asked for: could not {doing}.",
            found=found,
            expected=f"what {PREFIX}{setting.upper()} names",
            meaning=meaning,
            remedy=f"mend {PREFIX}{setting.upper()}, or make what it names; then materialize again",
        )
    return WorkspaceRefused(
        f"The Databricks workspace refused: could not {doing}.",
        found=found,
        meaning=LAUNCHED,
        remedy="see that DATABRICKS_HOST is right and can be reached, and that no job of this source runs in the "
        "workspace any more; then materialize again",
    )


def _words_of(error: Exception) -> str:
    """Return what an error says, without what was sent, which the SDK repeats of an answer that is no JSON."""
    said = str(error)
    if "unable to parse response" not in said:
        return said
    status = next((line[2:] for line in said.splitlines() if line.startswith("< ")), "an answer")
    return f"{status}, which is not in the words of the workspace"


def _without_secrets(client: WorkspaceClient, text: str) -> str:
    for secret in (client.config.token, client.config.client_secret, client.config.password):
        text = text.replace(secret, "***") if secret else text
    return text[:_LONGEST]
