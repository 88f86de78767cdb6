"""`produce`: events to a source's topic."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streaming_assets.cli.console import err, out, print_note
from streaming_assets.cli.context import broker, sources, stopping
from streaming_assets.contract import EventSource
from streaming_assets.kafka.plugin_producer import PluginProducer
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.pump import closing, pump
from streaming_assets.kafka.recorded import FileReplay
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.settings import load_settings, source_options


def produce(name: str, *, replay: Sequence[Path], rate: float | None, limit: int | None) -> None:
    """Publish a source's events, live or from files; SIGINT and SIGTERM end it after what was accepted is delivered.

    Raises:
        StreamingAssetsError: What went wrong; its text says how many events were delivered.
    """
    settings = load_settings()
    source = sources(settings).get(name)
    producer = FileReplay(replay) if replay else PluginProducer(source, source_options(name), tell=print_note)
    if isinstance(producer, PluginProducer):
        producer.make()  # wrong options are told before a broker is started
    with closing(producer), broker(settings) as connection, stopping() as stop:
        if isinstance(producer, PluginProducer):
            producer.stop = stop
        ensure_topic(connection, source.topic)
        started = time.monotonic()
        with Publisher(connection, source.topic) as publisher, _Display(source) as display:
            delivered = pump(producer, publisher, rate=rate, limit=limit, stop=stop, on_progress=display.show)
        seconds = time.monotonic() - started
    out.print(f"delivered {delivered:,} events to topic {source.topic.name} in {seconds:.1f} s", highlight=False)


class _Display(Progress):
    """A line that says how many events were published, and what the producer has to say."""

    def __init__(self, source: EventSource) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}  {task.completed:,} events"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
        )
        self._task = self.add_task(source.name, total=None)
        self._note: str | None = None

    def show(self, published: int, note: str | None) -> None:
        """Show progress; a note is printed when it changes."""
        self.update(self._task, completed=published)
        if note is not None and note != self._note:
            print_note(note)
        self._note = note
