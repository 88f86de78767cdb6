"""What most commands need: settings, sources, a broker that can be waited for, a way to stop."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from rich.text import Text

from streaming_assets.cli.console import err, print_note
from streaming_assets.cli.interrupts import check_interrupt
from streaming_assets.contract import EventSource
from streaming_assets.engines.factory import elsewhere
from streaming_assets.errors import PluginError, StreamingAssetsError
from streaming_assets.isolation import described
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.registry import Registry, load_installed
from streaming_assets.settings import Settings, unknown_variables


def sources(settings: Settings) -> Registry:
    """Load the plugins and say which were left out."""
    registry = load_installed(settings)
    check_interrupt()  # of the import of a plugin, which is a broken one then
    _note_broken(registry)
    if not registry.sources and not registry.broken:
        note_no_source()
    known = {
        *registry.sources,
        *settings.disabled_plugins,
        *registry.disabled,
        *(plugin.name for plugin in registry.broken),
    }
    for variable, near in unknown_variables(known).items():
        hint = f"; did you mean {near}?" if near else ""
        print_note(f"{variable} is neither a setting nor an option of a source, and has no effect{hint}")
    return registry


def note_no_source() -> None:
    """Say what to do where there is neither a source nor a plugin that should have given one."""
    print_note("there is no source: install a plugin, or write one by `streaming-assets plugins new NAME`")


def sources_here(settings: Settings, names: Sequence[str]) -> list[EventSource]:
    """Select sources whose tables this process can see; where none is named, those of a workspace are left out.

    Raises:
        UnknownSource: A name is not known.
        EngineError: The tables of a source that is named, or of all sources, are worked on by jobs in a workspace.
    """
    selected = sources(settings).select(names)
    here = [source for source in selected if not settings.is_elsewhere(source.name)]
    if len(here) < len(selected) and (names or not here):
        raise elsewhere()
    for source in selected:
        if source not in here:
            print_note(f"{source.name} is left out: its tables lie in a Databricks workspace; Dagster shows them")
    return here


def told_of_source(source: str, error: Exception) -> StreamingAssetsError:
    """Return what went wrong with a source, so that the others go on; a fault of ours keeps its stack trace."""
    if isinstance(error, StreamingAssetsError):
        return error
    err.print(Text("".join(traceback.format_exception(error))), soft_wrap=True)
    return PluginError(
        f"Something unforeseen happened while working on {source}.",
        found=described(error),
        meaning="what was committed before stays; the other sources work",
        remedy=f"run `streaming-assets plugins check {source}`; if it finds nothing, it is a fault of "
        "streaming-assets, whose stack trace stands above",
    )


def _note_broken(registry: Registry) -> None:
    """Say which plugins were left out, in one line each."""
    for plugin in registry.broken:
        err.print(
            Text.assemble(("left out ", "yellow"), plugin.name, f" ({plugin.moment}): {plugin.error.summary}"),
            soft_wrap=True,
        )
    if registry.broken:
        err.print("`streaming-assets plugins check` lists all faults", style="dim")


@contextmanager
def broker(settings: Settings) -> Iterator[Connection]:
    """Connect to Kafka, starting the local broker where none runs, and say what is waited for."""
    # Lines and no status: a first download draws a bar of its own on a terminal, which a status would tear apart.
    with connect(settings, on_progress=_say) as connection:
        yield connection


def _say(what: str) -> None:
    err.print(f"{what} …", style="dim", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that SIGINT, SIGTERM and SIGHUP set: work ends in order, and nothing accepted is lost."""
    stop = threading.Event()
    # A signal may come while this thread is inside of `stop.wait`, which holds the lock that `stop.set` takes.
    received: SimpleQueue[int | None] = SimpleQueue()

    def set_stop() -> None:
        if received.get() is not None:
            stop.set()

    setter = threading.Thread(target=set_stop, name="stopping", daemon=True)

    def handle(number: int, _frame: FrameType | None) -> None:
        received.put(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup, work goes on without the terminal
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    setter.start()
    try:
        yield stop
    finally:
        received.put(None)
        setter.join()
        for number, handler in before.items():
            signal.signal(number, handler)
