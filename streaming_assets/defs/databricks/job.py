"""The entry point of a job: it does one step with engine `spark` and the session that is there, and tells Dagster.

Without Dagster, as where the workspace itself starts the bundle's job, it tells its log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from dagster_pipes import (
    PipesContext,
    PipesMappingParamsLoader,
    PipesUnityCatalogVolumesContextLoader,
    PipesUnityCatalogVolumesMessageWriter,
)

from streaming_assets.contract import EventSource
from streaming_assets.defs.databricks.messages import send, send_done, send_error
from streaming_assets.defs.databricks.request import Request, job_settings, read_request
from streaming_assets.defs.full_check_groups import groups
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.steps import Report, Step, Work, perform
from streaming_assets.errors import Fault, SettingsError, StreamingAssetsError, UnknownPart
from streaming_assets.lake.mounts import suit_commits_to
from streaming_assets.registry import load_sources
from streaming_assets.settings import LOAD_SECONDS, Settings

_TELL_SECONDS = 2
"""How often messages go to Dagster."""


def main() -> None:
    """Do what the arguments of the process say.

    Raises:
        StreamingAssetsError: The step can't be done; Dagster was told before.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    request = read_request(sys.argv[1:])
    if not request.pipes:
        _run(request, None)
        return
    failure = None
    with PipesContext(
        PipesMappingParamsLoader(request.pipes),
        PipesUnityCatalogVolumesContextLoader(),
        PipesUnityCatalogVolumesMessageWriter(interval=_TELL_SECONDS),
    ) as pipes:
        try:
            _run(request, pipes)
            send_done(pipes)
        except StreamingAssetsError as error:
            send_error(pipes, error)
            failure = error
    # Only now, as Pipes would show an error that passes through it with its stack trace.
    if failure is not None:
        raise failure from None


def _run(request: Request, pipes: PipesContext | None) -> None:
    log = pipes.log if pipes is not None else logging.getLogger("streaming_assets.job")
    given = request.settings
    registry = load_sources(
        disabled=given.get("disabled_plugins", ()), timeout=given.get("plugin_timeout_seconds", LOAD_SECONDS)
    )
    source = registry.get(request.source)
    expect_part(source, request.step)
    with TemporaryDirectory(prefix="streaming-assets-job-", ignore_cleanup_errors=True) as home:
        settings = job_settings(request, _secrets(request), Path(home))
        expect_key(source, settings)
        suit_commits_to(settings.lake_path)
        with Runtime(settings, log, "spark") as runtime:
            for report in perform(Work(source, request.step, runtime, log)):
                if pipes is None:
                    log.info("%s", _words(report))
                else:
                    send(pipes, report)


def expect_part(source: EventSource, step: Step) -> None:
    """Make sure that the source has what a step is about, as a job can have another version of the plugin.

    Raises:
        UnknownPart: It does not.
    """
    known = {"gold": [table.name for table in source.gold], "verify": [group.name for group in groups(source)]}
    if step.table not in known.get(step.kind, [step.table]):
        raise UnknownPart(
            f"The job's plugin has no {step.table!r} of {source.name} for step {step.kind}.",
            found=f"parameter `table` with {step.table!r}",
            expected=f"one of: {', '.join(known[step.kind])}",
            meaning="nothing was read or written",
            remedy="mend the parameter, or bring the job's plugin to the version that Dagster has (the bundle's job by "
            "`databricks bundle deploy`)",
        )


def _secrets(request: Request) -> Mapping[str, str]:
    scope = request.settings.get("databricks_secret_scope")
    if not scope:
        return {}
    from streaming_assets.databricks.secret_settings import read_secrets  # noqa: PLC0415 - only where there is a scope
    from streaming_assets.databricks.workspace import open_workspace  # noqa: PLC0415

    return read_secrets(open_workspace(), scope)


def expect_key(source: EventSource, settings: Settings) -> None:
    """Make sure that pseudonyms are the same in every job: the machine of a job, with what it keeps, is gone after it.

    Raises:
        SettingsError: The source has pseudonyms, and their key is not among the secrets.
    """
    if source.schema.pseudonymous and settings.pseudonym_key is None:
        where = f"the key `pseudonym_key` of the secret scope {settings.databricks_secret_scope or '(none is set)'}"
        raise SettingsError([Fault(where, "nothing", f"the key of {source.name}'s pseudonyms, the same for every job")])


def _words(report: Report) -> str:
    metadata = {name: getattr(value, "value", value) for name, value in (report.metadata or {}).items()}
    return f"{type(report).__name__} {report.asset_key}: {metadata}"
