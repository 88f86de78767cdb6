"""The engines side by side: Kafka to all Gold tables of `github_events`, beside a plain Spark job for the same tables.

    uv run python benchmarks/engines.py [--events 1000000] [--runs 3] [--parts plain spark embedded]

The plain job is `plain_spark.py`. All of Spark runs on `local[2]` with the same properties. Each part runs in a
process of its own, several times, in turn. Printed are the medians: seconds until the session is there, seconds of
the work, both together, and events a second of the work.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def plain(source: EventSource, settings: Settings) -> dict[str, float]:
    """Run the plain job."""
    from plain_spark import run  # noqa: PLC0415

    from streaming_assets.engines.spark.session import open_session  # noqa: PLC0415

    started = time.perf_counter()
    session = open_session(settings)
    begun = time.perf_counter()
    records = run(session, str(settings.kafka_bootstrap_servers), source.topic.name, settings.lake_path)
    return {"records": records, "session": begun - started, "work": time.perf_counter() - begun}


def refresh(source: EventSource, settings: Settings) -> dict[str, float]:
    """Refresh all tables of the source."""
    from streaming_assets.engines.factory import make_engine  # noqa: PLC0415
    from streaming_assets.engines.protocol import Ingested  # noqa: PLC0415
    from streaming_assets.layers.refresh import SourceRefresh  # noqa: PLC0415

    started = time.perf_counter()
    if settings.engine == "spark":
        from streaming_assets.engines.spark.session import open_session  # noqa: PLC0415

        open_session(settings)
    begun = time.perf_counter()
    connection = Connection(str(settings.kafka_bootstrap_servers))
    steps = SourceRefresh(source, settings, make_engine(settings, connection), connection).run()
    records = sum(step.records for step in steps if isinstance(step, Ingested))
    return {"records": records, "session": begun - started, "work": time.perf_counter() - begun}


def run_part(part: str, servers: str, home: Path) -> dict[str, float]:
    """Run one part in this process and return its figures."""
    engine = "embedded" if part == "embedded" else "spark"
    settings = load_settings(home=home, kafka_bootstrap_servers=servers, engine=engine, spark_master="local[2]")
    source = load_sources().get(SOURCE)
    return plain(source, settings) if part == "plain" else refresh(source, settings)


def measure(part: str, connection: Connection, home: Path) -> dict[str, float]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--home", str(home), "--broker", connection.bootstrap_servers]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
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
    for heading in ("", "session", "work", "together", "events/s"):
        table.add_column(heading, justify="right" if heading else "left")
    for part, runs in results.items():
        if any(run["records"] != count for run in runs):
            raise SystemExit(f"{part} read {[run['records'] for run in runs]} records instead of {count}")
        session, work = (statistics.median(run[what] for run in runs) for what in ("session", "work"))
        table.add_row(part, f"{session:.1f}", f"{work:.1f}", f"{session + work:.1f}", f"{count / work:,.0f}")
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
