"""Whether memory and the time of a refresh stay flat while events come in for long, with maintenance beside.

    uv run python benchmarks/soak.py [--minutes 20] [--rate 2000]     events at a steady rate
    uv run python benchmarks/soak.py --batches 10000                  so many small batches, one refresh for each

A producer publishes events of about 420 bytes in the shape of GitHub's to a broker of its own, one in a hundred
twice, one in a thousand broken. One process refreshes all tables over and over, as a stream does; another one
maintains them now and then. So that hours pass in minutes, event time runs 60 times as fast, and files and log
entries that nobody needs are deleted at once. At the end everything is refreshed and verified.

A machine that others use, too, is not always as fast. So every second another process does and times the same small
piece of work, the yardstick, and the time of a refresh is also told in yardsticks. Printed are the medians of each
quarter of the run (of each thousand batches), and the growth of memory and of a refresh's yardsticks by least squares
over all but the first quarter. Exit code 1 if `verify` finds something, or one of the two grows faster than allowed;
with `--batches`, which bring few bytes, so too the number of data files that the tables name.
"""

from __future__ import annotations

import argparse
import bisect
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa
from deltalake import write_deltalake
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from streaming_assets.contract import Event, EventSource
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.lake import layout
from streaming_assets.lake.log import log_entries
from streaming_assets.lake.maintenance import MERGE_FROM_BESIDE_REFRESH
from streaming_assets.lake.maintenance_process import maintain_apart
from streaming_assets.lake.opening import open_table
from streaming_assets.registry import load_sources
from streaming_assets.settings import Settings, load_settings

SOURCE = "github_events"
MEMORY_SLOPE, TIME_SLOPE, FILES_SLOPE = 0.10, 0.20, 0.25
"""Most growth over the whole run, as a share of the median. Of files a few come with every day of events."""

_TIME_FACTOR = 60
_SMALL_BATCH = 5
_YARDSTICK_ROWS = 5_000
_ABOUT = 10
_LINES_SECONDS = 10.0
CONSOLE = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """One refresh."""

    at: float
    """Seconds since the first one."""
    seconds: float
    """How long it took."""
    records: int
    """Records that it brought to Bronze."""
    memory: float
    """Resident memory of its process afterwards, in MiB."""
    cpu: float
    """Processor seconds it took, of all threads."""
    yardstick: float = 1.0
    """Processor seconds that a piece of work took about then which is always the same."""

    @property
    def yardsticks(self) -> float:
        """How many times as much processor time as that work it took."""
        return self.cpu / self.yardstick


class Yardstick:
    """A piece of work of the kind that a refresh does; it takes longer only where the machine has become slower."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is left in the folder."""
        self._folder = folder / "yardstick"
        self._rows = pa.table({"value": [each.value.decode() for each in events(0, _YARDSTICK_ROWS, 100.0)]})

    def measure(self) -> float:
        """Do the work and return the processor seconds it took."""
        began = time.process_time()
        with duckdb.connect(config={"threads": 2}) as connection:
            connection.register("records", self._rows)
            query = "SELECT value->>'$.type' AS kind, value->>'$.id' AS id, value FROM records ORDER BY id"
            write_deltalake(self._folder, connection.sql(query).to_arrow_table())
        taken = time.process_time() - began
        shutil.rmtree(self._folder)
        return taken


@dataclass(frozen=True, slots=True)
class Files:
    """What lies on the disk."""

    at: float
    """Seconds since the first refresh."""
    tables: Mapping[str, int]
    """Data files of the newest version of each table."""
    stored: int
    """Data files there are."""
    log: int
    """Entries of the longest log."""

    @property
    def named(self) -> int:
        """Data files of the newest versions of all tables."""
        return sum(self.tables.values())


def events(number: int, count: int, rate: float) -> Iterator[Event]:
    """Yield events from a number on; a repeated one is the same as the one before, its time too."""
    for each in range(number, number + count):
        original = each - (each % 100 == 1)
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=original / rate * _TIME_FACTOR)
        chance = random.Random(original)  # noqa: S311 (data for a benchmark)
        user, owner = f"user-{chance.randrange(50_000)}", f"owner-{chance.randrange(5_000)}"
        value = {
            "id": str(10**10 + original) if each % 1_000 else None,
            "type": chance.choice(["PushEvent", "PushEvent", "WatchEvent", "CreateEvent"]),
            "actor": {"id": chance.randrange(10**6), "login": user, "url": f"https://api.github.com/users/{user}"},
            "repo": {"id": chance.randrange(10**6), "name": f"{owner}/repo-{chance.randrange(20)}"},
            "payload": {"action": "started", "ref": "refs/heads/main", "push_id": original, "text": "x" * 80},
            "public": True,
            "created_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        yield Event(value=json.dumps(value, separators=(",", ":")).encode())


def produce(source: EventSource, connection: Connection, rate: float) -> None:
    """Publish at a steady rate until standard input ends."""
    stop = _end_of_input()
    started, number = time.monotonic(), 0
    with Publisher(connection, source.topic) as publisher:
        while not stop.wait(0.05):
            passed = time.monotonic() - started
            count = int(passed * rate) - number
            publisher.publish(events(number, count, rate))
            number += count


def refresh(source: EventSource, settings: Settings, connection: Connection, batches: int | None) -> None:
    """Refresh over and over until standard input ends, or so many small batches; write a sample for each."""
    from streaming_assets.engines.factory import make_engine  # noqa: PLC0415
    from streaming_assets.engines.protocol import Ingested  # noqa: PLC0415
    from streaming_assets.layers.refresh import SourceRefresh  # noqa: PLC0415

    stop, me, done = _end_of_input(), psutil.Process(), 0
    engine = make_engine(settings, connection)
    with Publisher(connection, source.topic) as publisher:
        while not stop.is_set() and done != batches:
            if batches is not None:
                publisher.publish(events(done * _SMALL_BATCH, _SMALL_BATCH, _SMALL_BATCH))
                publisher.flush()
            began, cpu = time.monotonic(), time.process_time()
            steps = list(SourceRefresh(source, settings, engine, connection).run())
            engine.close()
            seconds, cpu = time.monotonic() - began, time.process_time() - cpu
            records = sum(step.records for step in steps if isinstance(step, Ingested))
            memory = me.memory_info().rss / 2**20
            print(json.dumps([began, seconds, records, memory, cpu]), flush=True)
            done += 1
            if batches is None:
                stop.wait(max(0.0, began + 1 - time.monotonic()))


def _end_of_input() -> threading.Event:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.raw.read()  # type: ignore[union-attr]
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


class Soak:
    """The processes, and what is measured of them."""

    def __init__(self, home: Path, connection: Connection, arguments: argparse.Namespace) -> None:
        """Prepare; nothing is started."""
        self.samples: list[Sample] = []
        self.yardsticks: list[tuple[float, float]] = []
        self.files: list[Files] = []
        self.maintained = 0
        self.small_batches = arguments.batches is not None
        self._arguments = arguments
        self._connection = connection
        settings = load_settings(home=home, kafka_bootstrap_servers=connection.bootstrap_servers)
        # A person can't set it so low, as nobody could read a table beside; here, nobody does.
        self.settings = settings.model_copy(update={"vacuum_retention_hours": 0.0})
        self.source = load_sources().get(SOURCE)
        self._tables = layout.tables_of(self.source)
        self._started = time.monotonic()
        self._yardstick = Yardstick(home)

    def run(self) -> None:
        """Let everything run for as long as is wanted, then come to the end of the topic."""
        refreshing = self._start("refresh")
        reader = threading.Thread(target=self._read, args=(refreshing,))
        reader.start()
        try:
            if self._arguments.batches is None:
                producing = self._start("produce")
                self._watch(time.monotonic() + 60 * self._arguments.minutes, refreshing)
                _stop(producing)
                time.sleep(3)  # for what came last
            else:
                self._watch(float("inf"), refreshing)
        finally:
            _stop(refreshing)
            reader.join()

    def verify(self) -> bool:
        """Refresh what is left and verify, by the command line; return whether everything holds."""
        environment = {
            "STREAMING_ASSETS_HOME": str(self.settings.home),
            "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS": self._connection.bootstrap_servers,
            "PATH": "/usr/bin:/bin",
        }
        command = [sys.executable, "-m", "streaming_assets"]
        subprocess.run([*command, "refresh", SOURCE, "--json"], env=environment, check=True, stdout=subprocess.DEVNULL)
        return subprocess.run([*command, "verify", SOURCE], env=environment, check=False).returncode == 0

    def _start(self, part: str) -> subprocess.Popen[bytes]:
        arguments = self._arguments
        command = [sys.executable, __file__, "--part", part, "--home", str(self.settings.home), "--rate"]
        command += [str(arguments.rate), "--broker", self._connection.bootstrap_servers]
        command += [] if arguments.batches is None else ["--batches", str(arguments.batches)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _read(self, refreshing: subprocess.Popen[bytes]) -> None:
        for line in refreshing.stdout or ():
            began, *measured = json.loads(line)
            self.samples.append(Sample(began - self._started, *measured))

    def _watch(self, until: float, refreshing: subprocess.Popen[bytes]) -> None:
        """Maintain and tell how it goes, until a time or until all batches are through."""
        looked = maintained = time.monotonic()
        while time.monotonic() < until and refreshing.poll() is None:
            time.sleep(1)
            self.yardsticks.append((time.monotonic() - self._started, self._yardstick.measure()))
            if time.monotonic() - maintained > self._arguments.maintain_seconds:
                maintained = time.monotonic()
                self._maintain()
            if time.monotonic() - looked > _LINES_SECONDS and self.samples:
                looked = time.monotonic()
                self._look()
        if refreshing.poll():
            raise SystemExit(f"the refresh ended with exit code {refreshing.returncode}")

    def _maintain(self) -> None:
        for outcome in maintain_apart(self._tables, self.settings, min_files=MERGE_FROM_BESIDE_REFRESH):
            self.maintained += outcome.done is not None
            if outcome.error is not None:
                CONSOLE.print(f"{outcome.table.name}: {outcome.error}")

    def _look(self) -> None:
        opened = [table for table in (open_table(each, self.settings.lake_path) for each in self._tables) if table]
        files = Files(
            at=self.samples[-1].at,
            tables={table.path.name: len(table.files()) for table in opened},
            stored=sum("_delta_log" not in path.parts for path in self.settings.lake_path.rglob("*.parquet")),
            log=max((log_entries(table.path) for table in opened), default=0),
        )
        self.files.append(files)
        last = self.samples[-10:]
        CONSOLE.print(
            f"{files.at:6.0f} s  {len(self.samples):6,} refreshes, {_median(each.seconds for each in last):.2f} s each,"
            f" {sum(each.records for each in self.samples):10,} records, {last[-1].memory:5.0f} MiB, "
            f"{files.named:4} data files of {files.stored:5}, log {files.log:4}"
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait(120)


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values) or [0.0])


def _about(at: float, yardsticks: Sequence[tuple[float, float]]) -> float:
    """Return what the yardstick took about a time: the median of some before and after, as each of them varies."""
    place = bisect.bisect(yardsticks, (at, 0.0))
    return _median(taken for _, taken in yardsticks[max(0, place - _ABOUT) : place + _ABOUT])


def slope(samples: Sequence[Sample | Files], what: str) -> float:
    """Return how much a value grows in an hour, by least squares over all but the first quarter."""
    late = [each for each in samples if each.at >= samples[-1].at / 4]
    return 3_600 * statistics.linear_regression([each.at for each in late], [getattr(each, what) for each in late])[0]


def report(soak: Soak, parts: int, heading: str) -> bool:
    """Print medians of parts of the run, and the slopes; return whether what has to be flat is."""
    samples = [replace(each, yardstick=_about(each.at, soak.yardsticks)) for each in soak.samples if each.records]
    table = Table(title=f"{len(samples):,} refreshes, {sum(each.records for each in samples):,} records", box=SIMPLE)
    headings = (heading, "refreshes", "seconds", "CPU", "yardsticks", "MiB", "files", "stored", "log")
    for name in headings:
        table.add_column(name, justify="right")
    for part in range(parts):
        some = samples[len(samples) * part // parts : len(samples) * (part + 1) // parts]
        files = [each for each in soak.files if some[0].at <= each.at <= some[-1].at]
        table.add_row(
            f"{part + 1}", f"{len(some):,}", f"{_median(each.seconds for each in some):.2f}",
            f"{_median(each.cpu for each in some):.2f}", f"{_median(each.yardsticks for each in some):.1f}",
            f"{_median(each.memory for each in some):.0f}",
            *(f"{_median(getattr(each, what) for each in files):.0f}" for what in ("named", "stored", "log")),
        )  # fmt: skip
    CONSOLE.print(table)
    last = soak.files[-1].tables if soak.files else {}
    CONSOLE.print("files at the end: " + ", ".join(f"{name} {count}" for name, count in last.items()))
    for name, what in (("time", "seconds"), ("processor time", "cpu"), ("the yardstick", "yardstick")):
        CONSOLE.print(f"{name} of a refresh: {slope(samples, what):+.2f} s an hour")
    flat = [
        is_flat("memory", samples, "memory", "MiB", MEMORY_SLOPE),
        is_flat("processor time of a refresh in yardsticks", samples, "yardsticks", "", TIME_SLOPE),
    ]
    if soak.small_batches and len(soak.files) > 1:
        flat.append(is_flat("data files", soak.files, "named", "", FILES_SLOPE))
    return all(flat)


def is_flat(name: str, samples: Sequence[Sample | Files], what: str, unit: str, share: float) -> bool:
    """Print the slope of a value, and return whether it is small enough."""
    hours = samples[-1].at / 3_600
    hourly, most = slope(samples, what), share * _median(getattr(each, what) for each in samples) / hours
    CONSOLE.print(f"{name}: {hourly:+.2f} {unit} an hour; at most {most:+.2f}, {share:.0%} over the whole run")
    return hourly <= most


def main() -> None:
    """Run the soak, or one of its parts in this process."""
    arguments = _arguments()
    if arguments.part:
        connection = Connection(arguments.broker)
        settings = load_settings(home=Path(arguments.home), kafka_bootstrap_servers=arguments.broker)
        source = load_sources().get(SOURCE)
        if arguments.part == "produce":
            produce(source, connection, arguments.rate)
        else:
            refresh(source, settings, connection, arguments.batches)
        return
    home = Path(tempfile.mkdtemp())
    try:
        with connect(load_settings(home=home, kafka_bootstrap_servers=None, kafka_port=0)) as connection:
            soak = Soak(home, connection, arguments)
            ensure_topic(connection, soak.source.topic)
            soak.run()
            holds = soak.verify()
        flat = report(soak, *((4, "quarter") if arguments.batches is None else _thousands(arguments.batches)))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    raise SystemExit(0 if holds and flat else 1)


def _thousands(batches: int) -> tuple[int, str]:
    return max(4, batches // 1_000), "thousand" if batches >= 4_000 else "part"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=2_000.0, help="events a second")
    parser.add_argument("--batches", type=int, help="so many small batches instead of a time")
    parser.add_argument("--maintain-seconds", type=float, default=30.0, help="time from one maintenance to the next")
    parser.add_argument("--part", choices=["produce", "refresh"], help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    parser.add_argument("--broker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
