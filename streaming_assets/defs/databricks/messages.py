"""What a job says of its step, on its way through Dagster Pipes, and what is made of it on the other side.

Materializations and results of checks go as Pipes' own messages. Pipes has none for observations, for tags of a
materialization and for the text of a check, and knows of an error only its stack trace: these are custom messages, each
an object with one of the keys `observation`, `tags`, `description`, `error` and `done`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.metadata import normalize_metadata
from dagster_pipes import PipesContext

from streaming_assets.defs.steps import Report
from streaming_assets.errors import StreamingAssetsError, restored, told

_PIPES_TYPES: Mapping[type, str] = {
    dg.TextMetadataValue: "text",
    dg.IntMetadataValue: "int",
    dg.FloatMetadataValue: "float",
    dg.BoolMetadataValue: "bool",
    dg.JsonMetadataValue: "json",
    dg.MarkdownMetadataValue: "md",
}
"""Kinds of metadata whose value says all, and their names in the Pipes protocol."""


def send(pipes: PipesContext, report: Report) -> None:
    """Tell Dagster what a step reports."""
    if isinstance(report, dg.MaterializeResult):
        _send_materialization(pipes, report)
    elif isinstance(report, dg.AssetCheckResult):
        _send_check(pipes, report)
    else:
        observed = {
            "asset": _name(report.asset_key),
            "text": report.description,
            "metadata": _plain(report.metadata),
        }
        pipes.report_custom_message({"observation": observed})


def send_error(pipes: PipesContext, error: StreamingAssetsError) -> None:
    """Tell Dagster why a step can't be done."""
    pipes.report_custom_message({"error": told(error)})


def send_done(pipes: PipesContext) -> None:
    """Tell Dagster that a step is done, and that all it reports was told."""
    pipes.report_custom_message({"done": True})


def _send_materialization(pipes: PipesContext, report: dg.MaterializeResult[None]) -> None:
    name = _name(report.asset_key)
    version = report.data_version.value if report.data_version else None
    pipes.report_custom_message({"tags": {"asset": name, "tags": dict(report.tags or {})}})
    pipes.report_asset_materialization(asset_key=name, metadata=_plain(report.metadata), data_version=version)
    for check in report.check_results or ():
        _send_check(pipes, check)


def _send_check(pipes: PipesContext, check: dg.AssetCheckResult) -> None:
    name = _name(check.asset_key)
    described = {"asset": name, "check": check.check_name, "text": check.description}
    pipes.report_custom_message({"description": described})
    pipes.report_asset_check(
        asset_key=name,
        check_name=str(check.check_name),
        passed=check.passed,
        severity=check.severity.value,
        metadata=_plain(check.metadata),
    )


def _name(key: dg.AssetKey | Sequence[str] | str | None) -> str:
    return dg.AssetKey.from_coercible(key or []).to_escaped_user_string()


def _plain(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in normalize_metadata(metadata or {}).items()}


def _plain_value(value: dg.MetadataValue[Any]) -> dict[str, Any]:
    if isinstance(value, dg.TableMetadataValue):
        columns = [{"name": column.name, "type": column.type} for column in value.schema.columns]
        records = [dict(record.data) for record in value.records]
        return {"raw_value": {"records": records, "schema": columns}, "type": "table"}
    kind = _PIPES_TYPES.get(type(value))
    if kind is None:
        raise TypeError(f"{type(value).__name__} has no counterpart in the Pipes protocol")
    return {"raw_value": value.value, "type": kind}


class Received:
    """What came from a job."""

    def __init__(self, results: Sequence[Any], messages: Sequence[Mapping[str, Any]]) -> None:
        """Keep what came.

        Args:
            results: Materializations and results of checks, as Pipes made them.
            messages: The custom messages.
        """
        self._results = results
        self._messages = messages

    @property
    def error(self) -> StreamingAssetsError | None:
        """Why the step could not be done, where the job told."""
        return next((restored(message["error"]) for message in self._messages if "error" in message), None)

    @property
    def done(self) -> bool:
        """Whether the job told all that it had to."""
        return any("done" in message for message in self._messages)

    def reports(self) -> Iterator[Report]:
        """Yield what the step reported, with what Pipes could not carry."""
        yield from (_observation(message["observation"]) for message in self._messages if "observation" in message)
        tags = {each["asset"]: each["tags"] for each in self._of("tags")}
        texts = {(each["asset"], each["check"]): each["text"] for each in self._of("description")}
        for result in self._results:
            name = _name(result.asset_key)
            if isinstance(result, dg.MaterializeResult):
                yield result._replace(tags=tags.get(name, {}))
            else:
                yield result._replace(description=texts.get((name, result.check_name)))

    def _of(self, key: str) -> Iterator[Mapping[str, Any]]:
        return (message[key] for message in self._messages if key in message)


def _observation(observed: Mapping[str, Any]) -> dg.AssetObservation:
    return dg.AssetObservation(
        dg.AssetKey.from_escaped_user_string(observed["asset"]),
        description=observed["text"],
        metadata={name: value["raw_value"] for name, value in observed["metadata"].items()},
    )
