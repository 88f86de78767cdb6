"""How fast a refresh drains a topic: Kafka to all Gold tables, beside the ceiling of this machine.

    uv run python benchmarks/drain.py [--events 1000000] [--runs 3] [--parts ceiling refresh]

The ceiling does the least a Python process can do: consume the same records and append their values to a
Delta table. It guarantees nothing: no position, no parsing, no Silver, no Gold. Both run in a process of
their own, several times, in turn; imports are not counted. Printed are the median, the rate and the peak
of resident memory. It publishes events of about 420 bytes in the shape of GitHub's to a broker of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from streaming_assets.contract import Event, EventSource
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic, topic_state
from streaming_assets.registry import load_sources
from streaming_assets.settings import Settings, load_settings

SOURCE = "github_events"
_CHUNK = 1_000  # with more at a time `consume` is only half as fast
CONSOLE = Console()


def events(count: int) -> Iterator[Event]:
    """Yield events of about 420 bytes, 250 a second of event time, one in a hundred delivered twice."""
    chance = random.Random(1)  # noqa: S311 (data for a benchmark)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    twice = 0
    for number in range(count):
        number -= twice  # noqa: PLW2901 (a repeated event has the number of the one before)
        if number and chance.random() < 0.01:
            twice += 1
            number -= 1  # noqa: PLW2901
        yield Event(value=_event(number, start, random.Random(number)))  # noqa: S311


def _event(number: int, start: datetime, chance: random.Random) -> bytes:
    user, owner = f"user-{chance.randrange(50_000)}", f"owner-{chance.randrange(5_000)}"
    event = {
        "id": str(10**10 + number),
        "type": chance.choice(["PushEvent", "PushEvent", "WatchEvent", "CreateEvent"]),
        "actor": {
            "id": chance.randrange(10**6),
            "login": user,
            "display_login": user,
            "gravatar_id": "",
            "url": f"https://api.github.com/users/{user}",
        },
        "repo": {
            "id": chance.randrange(10**6),
            "name": f"{owner}/repo-{chance.randrange(20)}",
            "url": f"https://api.github.com/repos/{owner}/repo",
        },
        "payload": {"action": "started", "ref": "refs/heads/main", "push_id": number},
        "public": True,
        "created_at": (start + timedelta(milliseconds=4 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return json.dumps(event, separators=(",", ":")).encode()


def ceiling(source: EventSource, settings: Settings, connection: Connection) -> int:
    """Consume everything and append the values to a Delta table, nothing more."""
    import pyarrow as pa  # noqa: PLC0415
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415
    from deltalake import write_deltalake  # noqa: PLC0415

    state = topic_state(connection, source.topic.name)
    if state is None:
        return 0
    total = sum(state.high.values())
    consumer = Consumer(connection.client_config({"group.id": "ceiling", "enable.auto.commit": False}))
    consumer.assign([TopicPartition(source.topic.name, partition, 0) for partition in state.high])
    done = 0
    while done < total:
        values: list[bytes | None] = []
        while len(values) < settings.batch_records and done + len(values) < total:
            values.extend(message.value() for message in consumer.consume(_CHUNK, 1.0))
        rows = pa.table({"value": pa.array(values, pa.binary())})
        write_deltalake(str(settings.lake_path / "ceiling"), rows, mode="append")
        done += len(values)
    consumer.close()
    return done


def refresh(source: EventSource, settings: Settings, connection: Connection) -> int:
    """Refresh all tables of the source."""
    from streaming_assets.engines.factory import make_engine  # noqa: PLC0415
    from streaming_assets.engines.protocol import Ingested  # noqa: PLC0415
    from streaming_assets.layers.refresh import SourceRefresh  # noqa: PLC0415

    steps = SourceRefresh(source, settings, make_engine(settings, connection), connection).run()
    return sum(step.records for step in steps if isinstance(step, Ingested))


PARTS: dict[str, Callable[[EventSource, Settings, Connection], int]] = {"ceiling": ceiling, "refresh": refresh}


def run_part(part: str, bootstrap_servers: str, home: Path) -> dict[str, float]:
    """Run one part in this process and return its figures."""
    source = load_sources().get(SOURCE)
    settings = load_settings(home=home, kafka_bootstrap_servers=bootstrap_servers)
    connection = Connection(bootstrap_servers)
    _import_everything()
    started = time.perf_counter()
    records = PARTS[part](source, settings, connection)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"records": records, "seconds": seconds, "memory_mib": memory}


def _import_everything() -> None:
    import pyarrow as pa  # noqa: PLC0415

    import streaming_assets.engines.embedded  # noqa: F401, PLC0415

    pa.array([1])  # the first array of a process loads pandas


def measure(part: str, connection: Connection) -> dict[str, float]:
    """Run one part in a process of its own, on an empty lake."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, __file__, "--part", part, "--home", home, "--broker", connection.bootstrap_servers]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures: dict[str, float] = json.loads(output)
        return figures


def main() -> None:
    """Publish, measure in turn, print."""
    arguments = _arguments()
    if arguments.part:
        sys.stdout.write(json.dumps(run_part(arguments.part, arguments.broker, Path(arguments.home))))
        return
    home = Path(tempfile.mkdtemp())
    try:
        with connect(load_settings(home=home)) as connection:
            _publish(connection, arguments.events)
            results: dict[str, list[dict[str, float]]] = {part: [] for part in arguments.parts}
            for _ in range(arguments.runs):
                for part, runs in results.items():
                    runs.append(measure(part, connection))
        _print(results, arguments.events)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    parser.add_argument("--broker", help=argparse.SUPPRESS)
    return parser.parse_args()


def _publish(connection: Connection, count: int) -> None:
    topic = load_sources().get(SOURCE).topic
    ensure_topic(connection, topic)
    with CONSOLE.status(f"publishing {count:,} events"), Publisher(connection, topic) as publisher:
        publisher.publish(events(count))


def _print(results: dict[str, list[dict[str, float]]], count: int) -> None:
    table = Table(title=f"{count:,} events, Kafka to all Gold tables of {SOURCE}")
    for heading in ("", "seconds", "events/s", "of the ceiling", "peak MiB"):
        table.add_column(heading, justify="left" if not heading else "right")
    best = statistics.median(run["seconds"] for run in results.get("ceiling", results[next(iter(results))]))
    for part, runs in results.items():
        if any(run["records"] != count for run in runs):
            raise SystemExit(f"{part} read {[run['records'] for run in runs]} records instead of {count}")
        seconds = statistics.median(run["seconds"] for run in runs)
        memory = max(run["memory_mib"] for run in runs)
        table.add_row(part, f"{seconds:.2f}", f"{count / seconds:,.0f}", f"{best / seconds:.0%}", f"{memory:,.0f}")
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
