"""The engines side by side: Kafka to all Gold tables of `github_events`, beside a plain Spark job for the same tables.

    uv run python benchmarks/engines.py [--events 1000000] [--runs 3] [--parts plain spark embedded]

The plain job is `plain_spark.py`. All of Spark runs on `local[2]`, with the same memory and as many partitions. Each
part runs in a process of its own, several times, in turn. Printed are the medians: seconds until the session is there,
seconds of the work, both together, processor seconds of the work with all that it started, and events a second of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from drain import CONSOLE, SOURCE, events
from rich.table import Table

from streaming_assets.contract import EventSource
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.registry import load_sources
from streaming_assets.settings import Settings, load_settings

PARTS = ("plain", "spark", "embedded")


class Stopwatch:
    """Time of this process until its session is there, and of the work, with processor seconds of all that it starts.

    Those are looked at over and over, as workers end before the work does.
    """

    def __init__(self) -> None:
        """Begin to wait for the session."""
        self._started = self._begun = time.perf_counter()
        self._seconds: dict[int, float] = {}
        self._before = 0.0
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def begin(self) -> None:
        """Say that the session is there."""
        self._look()
        self._begun, self._before = time.perf_counter(), sum(self._seconds.values())

    def figures(self, records: int) -> dict[str, float]:
        """Say that the work is done; return what is printed of it."""
        now = time.perf_counter()
        self._ended.set()
        self._watching.join()
        self._look()
        processor = sum(self._seconds.values()) - self._before
        return {"records": records, "session": self._begun - self._started, "work": now - self._begun, "cpu": processor}

    def _watch(self) -> None:
        while not self._ended.wait(0.3):
            self._look()

    def _look(self) -> None:
        me = psutil.Process()
        for process in (me, *me.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._seconds[process.pid] = times.user + times.system


def plain(source: EventSource, settings: Settings) -> dict[str, float]:
    """Run the plain job."""
    import plain_spark  # noqa: PLC0415

    watch = Stopwatch()
    session = plain_spark.session(settings.spark_master)
    watch.begin()
    records = plain_spark.run(session, str(settings.kafka_bootstrap_servers), source.topic.name, settings.lake_path)
    return watch.figures(records)


def refresh(source: EventSource, settings: Settings) -> dict[str, float]:
    """Refresh all tables of the source."""
    from streaming_assets.engines.factory import make_engine  # noqa: PLC0415
    from streaming_assets.engines.protocol import Ingested  # noqa: PLC0415
    from streaming_assets.layers.refresh import SourceRefresh  # noqa: PLC0415

    watch = Stopwatch()
    if settings.engine == "spark":
        from streaming_assets.engines.spark.session import open_session  # noqa: PLC0415

        open_session(settings)
    watch.begin()
    connection = Connection(str(settings.kafka_bootstrap_servers))
    steps = SourceRefresh(source, settings, make_engine(settings, connection), connection).run()
    records = sum(step.records for step in steps if isinstance(step, Ingested))
    return watch.figures(records)


def run_part(part: str, servers: str, home: Path) -> dict[str, float]:
    """Run one part in this process and return its figures."""
    engine = "embedded" if part == "embedded" else "spark"
    settings = load_settings(home=home, kafka_bootstrap_servers=servers, engine=engine, spark_master="local[2]")
    source = load_sources().get(SOURCE)
    return plain(source, settings) if part == "plain" else refresh(source, settings)


def measure(part: str, connection: Connection, home: Path) -> dict[str, float]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--home", str(home), "--broker", connection.bootstrap_servers]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)  # Spark writes much to standard error
    if ran.returncode:
        raise SystemExit(f"{part} failed:\n{ran.stderr}")
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Publish, measure in turn, print."""
    arguments = _arguments()
    if arguments.part:
        print(json.dumps(run_part(arguments.part, arguments.broker, Path(arguments.home))))
        return
    home = Path(tempfile.mkdtemp())
    try:
        with connect(load_settings(home=home, kafka_bootstrap_servers=None, kafka_port=0)) as connection:
            topic = load_sources().get(SOURCE).topic
            ensure_topic(connection, topic)
            with CONSOLE.status(f"publishing {arguments.events:,} events"), Publisher(connection, topic) as publisher:
                publisher.publish(events(arguments.events))
            results: dict[str, list[dict[str, float]]] = {part: [] for part in arguments.parts}
            for _ in range(arguments.runs):
                for part, runs in results.items():
                    with tempfile.TemporaryDirectory() as lake:
                        runs.append(measure(part, connection, Path(lake)))
        _print(results, arguments.events)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _print(results: dict[str, list[dict[str, float]]], count: int) -> None:
    table = Table(title=f"{count:,} events, Kafka to all Gold tables of {SOURCE}")
    for heading in ("", "session", "work", "together", "CPU", "events/s"):
        table.add_column(heading, justify="right" if heading else "left")
    for part, runs in results.items():
        if any(run["records"] != count for run in runs):
            raise SystemExit(f"{part} read {[run['records'] for run in runs]} records instead of {count}")
        session, work, cpu = (statistics.median(run[what] for run in runs) for what in ("session", "work", "cpu"))
        seconds = [f"{each:.1f}" for each in (session, work, session + work, cpu)]
        table.add_row(part, *seconds, f"{count / work:,.0f}")
    CONSOLE.print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    parser.add_argument("--broker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
