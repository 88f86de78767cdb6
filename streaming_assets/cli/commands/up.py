"""`up`: broker, Dagster and dashboard, until Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streaming_assets.cli.console import err, out
from streaming_assets.cli.context import broker, sources, stopping
from streaming_assets.cli.processes import Program, dagster, dashboard
from streaming_assets.defs.instance import prepare_instance
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.settings import Settings, load_settings, unusable_home

_READY_SECONDS = 120.0
_LOOK_SECONDS = 1.0


def up() -> None:
    """Run everything but producers.

    Raises:
        StreamingAssetsError: A part can't be started, or ended.
    """
    settings = load_settings()
    registry = sources(settings)
    with broker(settings) as connection, stopping() as stop:
        for source in registry.sources.values():
            ensure_topic(connection, source.topic)
        with programs(settings, connection, stop) as running:
            watch(running, stop)


@contextmanager
def programs(settings: Settings, connection: Connection, stop: threading.Event) -> Iterator[list[Program]]:
    """Run Dagster and the dashboard, and say where they are once they answer; `stop` ends the wait for that.

    Raises:
        SettingsError: The folder of all state can't be used.
        ProgramFailed: A program can't be started, or ended.
    """
    try:
        prepare_instance(settings)
    except OSError as error:
        raise unusable_home(settings.home, error) from error
    with dagster(settings) as dagster_program, dashboard(settings) as dashboard_program:
        running = [dagster_program, dashboard_program]
        for program in running:
            with err.status(f"starting {program.name}"):
                program.wait_until_ready(_READY_SECONDS, stop)
        if not stop.is_set():
            out.print(f"dashboard  {dashboard_program.url}", highlight=False)
            out.print(f"dagster    {dagster_program.url}", highlight=False)
            out.print(f"kafka      {connection.bootstrap_servers}", highlight=False)
            err.print("[dim]Ctrl-C stops everything; all data stays[/]")
        yield running
        err.print("[dim]stopping …[/]")


def watch(running: list[Program], stop: threading.Event) -> None:
    """Wait for the stop; a program that ends before is an error.

    Raises:
        ProgramFailed: A program ended.
    """
    while not stop.wait(_LOOK_SECONDS):
        for program in running:
            program.ready()
