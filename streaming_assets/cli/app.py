"""The commands and their options; what a command needs is imported when it runs, so that `--help` is there at once."""
# ruff: noqa: PLC0415

from __future__ import annotations

import math
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from streaming_assets.cli.console import quiet_libraries
from streaming_assets.cli.flags import Command, Group
from streaming_assets.cli.values import one_of, parse_moment, parse_share

app = typer.Typer(
    name="streaming-assets",
    cls=Group,
    help="Event sources as plugins: Kafka to Bronze, Silver and Gold Delta tables, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
plugins = typer.Typer(
    cls=Group, help="List plugins, check them, installed or not, and begin a new one.", no_args_is_help=True
)
app.add_typer(plugins, name="plugins")
command = partial(app.command, cls=Command)
plugins_command = partial(plugins.command, cls=Command)

Sources = Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Sources; all if omitted.")]
TIME_FORMS = "RFC 3339, or an age such as 2h or 7d"
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"streaming-assets {metadata.version('streaming-assets')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version  # acted on by its callback
    context.with_resource(quiet_libraries())


@command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Produce a little, refresh, print the Gold tables, exit.")
    ] = False,
) -> None:
    """Run everything on this machine: broker, live events, refreshes, Dagster, dashboard."""
    from streaming_assets.cli.commands.demo import demo as run

    run(once=once)


@command()
def up() -> None:
    """Run broker, Dagster and dashboard until Ctrl-C."""
    from streaming_assets.cli.commands.up import up as run

    run()


@command()
def broker() -> None:
    """Run the local broker (data under STREAMING_ASSETS_HOME) until Ctrl-C."""
    from streaming_assets.cli.commands.broker import run_broker as run

    run()


@command()
def produce(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source whose events are published.")],
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Further files for --replay.")] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE...", help="Publish recorded files (plain or gz, one event a line), byte for byte."),
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, metavar="N", help="Most events a second.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after this many events.")] = None,
) -> None:
    """Publish a source's events to its topic, until Ctrl-C or the end of the files."""
    if files and not replay:
        raise typer.BadParameter("files are given with --replay FILE...")
    if rate is not None and not math.isfinite(rate):
        raise typer.BadParameter(f"{rate} is not a finite number", param_hint="'--rate'")
    from streaming_assets.cli.commands.produce import produce as run

    run(source, replay=[*(replay or []), *(files or [])], rate=rate, limit=limit)


@command()
def refresh(  # noqa: PLR0913 - the options of a command
    sources: Sources = None,
    *,
    engine: Annotated[
        Literal["embedded", "spark", "databricks"] | None,
        typer.Option(
            parser=one_of("an engine", "embedded", "spark", "databricks"),
            metavar="ENGINE",
            help="Engine to use: `embedded`, `spark` or `databricks` (which only Dagster can).",
        ),
    ] = None,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Go on after records that Kafka deleted unread; Bronze records the loss."),
    ] = False,
    undo_foreign_writes: Annotated[
        bool,
        typer.Option("--undo-foreign-writes", help="First take back what other writers did to the tables."),
    ] = False,
    rebuild: Annotated[
        Literal["silver", "gold"] | None,
        typer.Option(
            parser=one_of("a layer that can be rebuilt", "silver", "gold"),
            metavar="silver|gold",
            help="Rebuild Silver, quarantine and Gold from Bronze, or the Gold tables from Silver.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring everything the topics hold into Bronze, Silver and all Gold tables."""
    from streaming_assets.cli.commands.refresh import refresh as run

    wishes = {"accept_loss": accept_loss, "undo_foreign_writes": undo_foreign_writes, "rebuild": rebuild}
    if not run(sources or [], engine=engine, as_json=as_json, **wishes):
        raise typer.Exit(1)


@command()
def replay_quarantine(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source whose plugin was fixed.")],
    reason: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Only records with this reason, as `tables --quarantine` names it."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_moment, metavar="TIME", help=f"Only records read from Kafka since TIME: {TIME_FORMS}."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Send quarantined records through the current plugin; what fits now moves to Silver and Gold, exactly once."""
    from streaming_assets.cli.commands.replay_quarantine import replay_quarantine as run

    run(source, reason=reason, since=since, as_json=as_json)


@command()
def maintain(sources: Sources = None, as_json: Json = False) -> None:
    """Merge small files, and delete files and log entries that no reader needs; refreshes may go on meanwhile."""
    from streaming_assets.cli.commands.maintain import maintain as run

    if not run(sources or [], as_json=as_json):
        raise typer.Exit(1)


@command()
def tables(
    sources: Sources = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Show why records are in quarantine, and the newest of each kind.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="With --quarantine: show how the values begin, personal data and all.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the tables: rows, size, version, last batch, age."""
    if raw and not quarantine:
        raise typer.BadParameter("--raw is given with --quarantine")
    if quarantine:
        from streaming_assets.cli.commands.quarantine import quarantine as show

        show(sources or [], raw=raw, as_json=as_json)
        return
    from streaming_assets.cli.commands.tables import tables as run

    run(sources or [], as_json=as_json)


@command()
def verify(  # noqa: PLR0913 - the options of a command
    sources: Sources = None,
    *,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help=f"Only what was ingested since TIME: {TIME_FORMS}."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="TIME", help=f"Only what was ingested before TIME: {TIME_FORMS}."),
    ] = None,
    sample: Annotated[
        float,
        typer.Option(
            parser=parse_share, metavar="SHARE", help="Compute only a share of rows again, such as 0.01; 1 is all."
        ),
    ] = 1.0,
    deep: Annotated[bool, typer.Option("--deep", help="Compare Bronze's bytes with what Kafka still has.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that nothing is lost or duplicated, from Kafka to Gold; exit code 1 if something is wrong."""
    if since is not None and until is not None and until <= since:
        raise typer.BadParameter("no time lies between --since and --until", param_hint="'--until'")
    from streaming_assets.cli.commands.verify import verify as run
    from streaming_assets.layers.scope import Choice

    if not run(sources or [], choice=Choice(since=since, until=until, share=sample, deep=deep), as_json=as_json):
        raise typer.Exit(1)


@plugins_command("list")
def plugins_list(as_json: Json = False) -> None:
    """List the sources, and the plugins that were left out."""
    from streaming_assets.cli.commands.plugins import plugins_list as run

    run(as_json=as_json)


@plugins_command("new")
def plugins_new(  # noqa: PLR0913, PLR0917 - the options of a command
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the source: small letters, digits and _.")],
    sample: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Recorded events, plain or gz; asked if omitted.")
    ] = None,
    topic: Annotated[str | None, typer.Option(metavar="TOPIC", help="Its topic; the source's name if omitted.")] = None,
    time: Annotated[str | None, typer.Option(metavar="PATH", help="Field that says when an event happened.")] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", metavar="PATH", help="Field that identifies an event; '' for none.")
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Array that holds the events of a record; '' if records are events."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write; named after the source if omitted.")
    ] = None,
) -> None:
    """Write the package of a new source: schema, tables, chart and producer, from a sample of its events."""
    from streaming_assets.cli.commands.plugins_new import plugins_new as run
    from streaming_assets.scaffold.proposal import Choices

    choices = Choices(items=items, event_time=time, event_id=event_id)
    run(name, sample=sample, topic=topic, choices=choices, folder=folder)


@plugins_command("check")
def plugins_check(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|PATH",
            help="One plugin, or the project's folder or module of one that is not installed; all if omitted.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check plugins and list all their faults at once, with file and line; exit code 1 if there is one."""
    from streaming_assets.cli.commands.plugins_check import plugins_check as run

    if not run(target, as_json=as_json):
        raise typer.Exit(1)
