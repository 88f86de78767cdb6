"""Where Dagster and a job exchange what they have to say: folders in the volume, by Pipes of dagster-databricks.

Two things are other than in the library. Its reader takes one file of messages at each look, and after a job's end for
ten seconds only, though a job that tells much writes them faster. And a folder of its that can't be deleted makes the
run of a job fail that did all its work.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from dagster_databricks.pipes import (
    PipesUnityCatalogVolumesContextInjector,
    PipesUnityCatalogVolumesMessageReader,
    delete_volume_directory_recursive,
)
from dagster_pipes import PipesBlobStoreMessageWriter
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.files import FilesAPI

_LOG = logging.getLogger(__name__)


class ContextInjector(PipesUnityCatalogVolumesContextInjector):
    """Puts what a job is told of Dagster's run into the volume."""

    @contextmanager
    def inject_context(self, context: Any) -> Iterator[dict[str, Any]]:
        """Yield where it lies, and delete it afterwards."""
        with _folder(self.files_client, self.volume_path) as folder:
            path = f"{folder}/context.json"
            self.files_client.upload(path, contents=io.BytesIO(json.dumps(context).encode()), overwrite=True)
            yield {"path": path}


class MessageReader(PipesUnityCatalogVolumesMessageReader):
    """Reads what a job tells, from files in the volume that the job numbers."""

    @contextmanager
    def get_params(self) -> Iterator[dict[str, Any]]:
        """Yield where the job puts its messages, and delete them afterwards."""
        with _folder(self.files_client, self.volume_path) as folder:
            # The workspace keeps the job's output, on the run's page.
            yield {"path": folder, PipesBlobStoreMessageWriter.INCLUDE_STDIO_IN_MESSAGES_KEY: False}

    def download_messages(self, cursor: Any, params: Any) -> tuple[Any, str] | None:  # noqa: ARG002 - the library's
        """Return all messages that came since the last look, None if there are none."""
        chunks: list[str] = []
        while _is_whole(chunk := self.download_messages_chunk(self.counter, params) or ""):
            chunks.append(chunk)
            self.counter += 1
        return (self.counter, "\n".join(chunks)) if chunks else None


def _is_whole(chunk: str) -> bool:
    """Tell whether a file of messages is there and written to its end."""
    try:
        json.loads(chunk.rsplit("\n", 1)[-1])
    except ValueError:
        return False
    return True


@contextmanager
def _folder(files: FilesAPI, volume: str) -> Iterator[str]:
    path = f"{volume}/tmp/{uuid4().hex}"  # noqa: S108 - of the volume
    files.create_directory(path)
    try:
        yield path
    finally:
        try:
            delete_volume_directory_recursive(files, path)
        except (DatabricksError, OSError) as error:
            _LOG.warning("%s could not be deleted (%s).", path, type(error).__name__)
