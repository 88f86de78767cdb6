"""What a job is told: the step, and those settings that are no secrets, as arguments of its entry point."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, DAGSTER_PIPES_MESSAGES_ENV_VAR

from streaming_assets.defs.steps import Kind, Step
from streaming_assets.errors import Fault, SettingsError
from streaming_assets.settings import EXISTING_SESSION, PREFIX, Settings, load_settings

PASSED = frozenset(
    {
        *("kafka_bootstrap_servers", "kafka_sasl_username"),
        *("batch_records", "batch_bytes", "spark_batch_records", "memory_limit_mb"),
        *("quarantine_threshold", "vacuum_retention_hours", "lock_timeout_seconds"),
        *("databricks_volume", "databricks_secret_scope"),
        *("disabled_plugins", "plugin_timeout_seconds", "function_timeout_seconds"),
    }
)
"""Settings that a job is given where they were set; of all others it has the defaults, or a secret of their name."""

_WISHES = {
    "--rebuild": "rebuild",
    "--accept-loss": "accept_loss",
    "--undo-foreign-writes": "undo_foreign_writes",
}
"""Arguments that are true or false, and what they are of a step."""

_PIPES = {
    "--dagster-pipes-context": DAGSTER_PIPES_CONTEXT_ENV_VAR,
    "--dagster-pipes-messages": DAGSTER_PIPES_MESSAGES_ENV_VAR,
}
"""What Pipes tells a job, and the names under which its loader wants it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a job is to do."""

    source: str
    """Name of the source."""
    step: Step
    """The step."""
    settings: Mapping[str, Any]
    """The settings that it is given."""
    pipes: Mapping[str, str]
    """Where it finds Dagster, as Pipes names it; empty where nobody listens."""


def arguments(source: str, step: Step, settings: Settings) -> dict[str, str]:
    """Return what a job is told, as arguments by their names.

    Raises:
        SettingsError: A setting is missing without which no job can work.
    """
    require(settings)
    given = settings.model_dump(mode="json", include=set(PASSED & settings.model_fields_set))
    optional = {"--table": step.table, "--reason": step.reason, "--since": step.since}
    return {
        "--source": source,
        "--step": step.kind,
        **{name: value for name, value in optional.items() if value is not None},
        **{name: json.dumps(getattr(step, field)) for name, field in _WISHES.items()},
        "--min-files": str(step.min_files),
        "--settings": json.dumps(given, sort_keys=True),
    }


def read_request(words: Sequence[str]) -> Request:
    """Read the arguments of a job."""
    parser = argparse.ArgumentParser(prog="streaming-assets-job", allow_abbrev=False)
    parser.add_argument("--source", required=True)
    parser.add_argument("--step", required=True, choices=get_args(Kind))
    for name in ("--table", "--reason", "--since", *_PIPES):
        # A parameter of the bundle's job that is not given is empty.
        parser.add_argument(name, type=lambda text: text or None)
    for name in _WISHES:
        parser.add_argument(name, type=json.loads, default=False)
    parser.add_argument("--min-files", type=int, default=Step(kind="maintain").min_files)
    parser.add_argument("--settings", type=json.loads, default={})
    told = parser.parse_args(words)
    step = Step(
        kind=told.step,
        table=told.table,
        rebuild=told.rebuild,
        accept_loss=told.accept_loss,
        undo_foreign_writes=told.undo_foreign_writes,
        reason=told.reason,
        since=told.since,
        min_files=told.min_files,
    )
    pipes = {variable: getattr(told, name.strip("-").replace("-", "_")) for name, variable in _PIPES.items()}
    return Request(told.source, step, told.settings, pipes if all(pipes.values()) else {})


def job_settings(request: Request, secrets: Mapping[str, str], home: Path) -> Settings:
    """Return the settings of a job: those it is given, its secrets, and what is so in every job.

    Args:
        request: What it was told.
        secrets: What its secret scope has; it wins, as user and password belong together.
        home: A folder of the machine that it runs on.

    Raises:
        SettingsError: One is wrong, or missing.
    """
    given = {name: value for name, value in request.settings.items() if name in PASSED}
    settings = load_settings(
        **{**given, **secrets},
        home=home,
        engine="spark",
        source_engines={},
        spark_master=EXISTING_SESSION,
        spark_remote=None,
        lake=None,
    )
    require(settings)
    return settings.model_copy(update={"lake": settings.lake_of("databricks")})


def require(settings: Settings) -> None:
    """Make sure of the settings that every job needs.

    Raises:
        SettingsError: One is missing.
    """
    needed = {
        "databricks_volume": "the volume where jobs have their tables, /Volumes/<catalog>/<schema>/<volume>",
        "kafka_bootstrap_servers": "a Kafka cluster that the workspace reaches; one of this machine is none",
    }
    missing = [
        Fault(f"{PREFIX}{name.upper()}", "nothing", expected)
        for name, expected in needed.items()
        if getattr(settings, name) is None
    ]
    if missing:
        raise SettingsError(missing)
