"""The kill test: processes of both sources are killed and started again, in the end everything is drained."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deltalake import DeltaTable

from killing import ledger
from killing.moments import LAYERS, Moment, NewFiles, plan, wait_for_work
from killing.processes import Ended, Failure, Home, Process, ProducerProcess
from killing.truth import Verdict, compare, read_topic

BACKLOG = 200
"""So many records wait for a process that is to be killed, so that it reaches every point three times."""

TOPICS = {"github_events": "logs_raw", "user_interactions": "user_interactions"}

_DAGSTER_SHARE = 5
"""Every fifth refresh is a Dagster run."""


@dataclass
class Kills:
    """The kills at one moment."""

    count: int = 0
    """How many."""
    recovery: list[float] = field(default_factory=list)
    """Seconds from starting again to the first commit, where no further kill came before it."""


@dataclass
class Report:
    """What the kill test found."""

    seed: int
    """The seed of events and moments."""
    say: Callable[[str], None]
    """Told what is done."""
    failed: bool = False
    """Whether a source could not be carried through, so that the other one ends too."""
    kills: dict[str, Kills] = field(default_factory=lambda: defaultdict(Kills))
    """Kills by moment."""
    dagster: int = 0
    """How many of them were of Dagster runs."""
    left_files: int = 0
    """Kills that left data files behind which no commit names."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """What the independent reader found, by source."""
    breaches: list[str] = field(default_factory=list)
    """What `verify` found."""

    @property
    def total(self) -> int:
        """All kills."""
        return sum(kills.count for kills in self.kills.values())

    @property
    def clean(self) -> bool:
        """Whether neither `verify` nor the independent reader found anything."""
        return not self.breaches and all(verdict.clean for verdict in self.verdicts.values())

    @property
    def slowest_recovery(self) -> float:
        """Seconds."""
        return max((seconds for kills in self.kills.values() for seconds in kills.recovery), default=0.0)


class Victims:
    """The refreshes of one source, killed one after the other."""

    def __init__(self, home: Home, source: str, report: Report, *, rate: float, dagster: bool) -> None:
        """Start the producer of the source; its events have the report's seed."""
        self.source = source
        self.producer = ProducerProcess(home, source, seed=report.seed, rate=rate)
        self._home = home
        self._report = report
        self._dagster = dagster
        self._chance = random.Random(f"{report.seed}/{source}/moments")  # noqa: S311 - reproducible on purpose
        self._folder = home.lake / source
        self._refreshes = 0
        self._seconds: dict[bool, float] = {}
        self._killed_at: str | None = None

    def prepare(self) -> None:
        """Let a refresh and a Dagster run end undisturbed, and measure how long they work."""
        for dagster in (False, True) if self._dagster else (False,):
            self._wait_for_backlog()
            process = self._start(dagster=dagster)
            wait_for_work(process, self.source)
            began = time.monotonic()
            process.expect(0)
            self._seconds[dagster] = time.monotonic() - began

    def plan(self, count: int) -> list[Moment]:
        """Return so many moments, from all there are, in random order."""
        return plan(count, self._chance)

    def kill(self, moments: Sequence[Moment]) -> None:
        """Kill processes, at one moment after the other."""
        for moment in moments:
            if self._report.failed:
                return
            self._report.say(f"{self.source}: {moment.name} {moment.hit}")
            try:
                {"producer": self._kill_producer, "maintain": self._kill_maintenance}.get(moment.kind, self._kill)(
                    moment
                )
            except BaseException:
                self._report.failed = True
                raise
            self._report.kills[moment.name].count += 1

    def start_slow(self) -> Process:
        """Start a refresh that reads Kafka for some seconds, and return when it does."""
        self._wait_for_backlog()
        process = self._start(dagster=False, fault="kafka.polled=delay:2")
        wait_for_work(process, self.source)
        return process

    def drain(self) -> None:
        """Stop the producer and refresh until nothing is new.

        Raises:
            Failure: A second refresh still finds something to do.
        """
        self.producer.stop()
        for wanted in (True, False):
            (summary,) = json.loads(self._home.refresh(self.source).expect(0))
            if not wanted and summary["commits"]:
                raise Failure(f"a refresh after a complete one made commits: {summary}")

    def _kill(self, moment: Moment) -> None:
        self._wait_for_backlog()
        rebuild = moment.kind == "rebuild"
        if rebuild:  # one that finishes what an earlier rebuild left would not reach the moment
            self._start(dagster=False).expect(0)
            self._killed_at = None
        dagster = not rebuild and self._next_is_dagster()
        with self._left_behind():
            process = self._start(dagster=dagster, rebuild=rebuild, fault=moment.fault)
            watched = threading.Thread(target=self._watch, args=(process, self._commits(), self._killed_at))
            watched.start()
            try:
                self._die(process, moment, dagster=dagster)
            finally:
                watched.join()
        self._killed_at = moment.name
        self._report.dagster += dagster

    def _die(self, process: Process, moment: Moment, *, dagster: bool) -> None:
        if moment.kind in {"point", "rebuild"}:
            process.expect(-signal.SIGKILL)
            return
        files = NewFiles(self._folder / moment.where)
        wait_for_work(process, self.source)
        if moment.kind == "file":
            files.wait(moment.hit, process)
        else:
            time.sleep(self._chance.random() * self._seconds[dagster])
        process.kill()

    def _next_is_dagster(self) -> bool:
        self._refreshes += 1
        return self._dagster and self._refreshes % _DAGSTER_SHARE == 0

    def _kill_producer(self, _moment: Moment) -> None:
        self.producer.kill()

    def _kill_maintenance(self, moment: Moment) -> None:
        """Kill maintenance beside a refresh that is left alone: the process that works is a child of the command's."""
        refresh = self._start(dagster=False)
        maintenance = self._home.command("maintain", "--json", self.source, fault=moment.fault)
        maintenance.expect(1)
        if "ended by signal 9" not in maintenance.told:
            raise Ended(f"maintenance was not killed at {moment.where}: {maintenance.told}")
        refresh.expect(0)

    def _start(self, *, dagster: bool, rebuild: bool = False, fault: str = "") -> Process:
        if dagster:
            return self._home.job(f"refresh_{self.source}", fault=fault)
        options = ("--rebuild", "silver") if rebuild else ()
        return self._home.refresh(self.source, *options, fault=fault)

    def _wait_for_backlog(self) -> None:
        stored = 0
        if (self._folder / "bronze").exists():
            stored = DeltaTable(str(self._folder / "bronze")).count()
        self.producer.wait_until(stored + BACKLOG)

    def _watch(self, process: Process, before: int, killed_at: str | None) -> None:
        """Note how long the process takes to its first commit, if the one before it was killed."""
        while process.code is None:
            if self._commits() > before:
                if killed_at is not None:
                    self._report.kills[killed_at].recovery.append(time.monotonic() - process.started)
                return
            time.sleep(0.02)

    def _commits(self) -> int:
        logs = [folder / "_delta_log" for folder in self._tables()]
        return sum(name.endswith(".json") for log in logs if log.exists() for name in os.listdir(log))  # noqa: PTH208 - quick

    def _tables(self) -> list[Path]:
        return [*(self._folder / layer for layer in LAYERS if layer != "gold"), *(self._folder / "gold").glob("*")]

    @contextmanager
    def _left_behind(self) -> Iterator[None]:
        """Note whether data files are there afterwards that no commit names and that were not there before."""
        before = self._unnamed()
        yield
        self._report.left_files += bool(self._unnamed() - before)

    def _unnamed(self) -> set[Path]:
        return {
            file
            for table in self._tables()
            for file in set(table.rglob("*.parquet")) - {table / uri for uri in DeltaTable(str(table)).file_uris()}
            if "_delta_log" not in file.parts
        }


def run(  # noqa: PLR0913 - these are the choices there are
    folder: Path, report: Report, *, kills: int, rate: float, sources: Sequence[str], dagster: bool
) -> None:
    """Carry the kill test out in an empty folder.

    Args:
        folder: Holds everything; what is left in it is of use where something was found.
        report: What is found.
        kills: How many processes are killed, besides the broker, which is killed once in the middle.
        rate: Events a second of each source.
        sources: Which sources.
        dagster: Whether some of the refreshes are Dagster runs.

    Raises:
        Failure: A process ended before it was killed, or one that was not to be killed did not do its work.
    """
    home = Home(folder)
    try:
        report.say("starting the broker")
        home.start_broker()
        victims: list[Victims] = []
        for source in sources:  # one after the other: the first Dagster run makes the instance's tables
            report.say(f"{source}: undisturbed")
            victims.append(Victims(home, source, report, rate=rate, dagster=dagster))
            victims[-1].prepare()
        _kill_all(home, victims, report, kills)
        for each in victims:
            report.say(f"{each.source}: draining")
            each.drain()
        report.say("verify")
        report.breaches = _verify(home)
        for each in victims:
            report.say(f"{each.source}: comparing")
            report.verdicts[each.source] = _judge(home, each)
    finally:
        home.close()


def _kill_all(home: Home, victims: Sequence[Victims], report: Report, kills: int) -> None:
    """Kill processes of all sources side by side, and the broker in the middle."""
    plans = [each.plan((kills + place) // len(victims)) for place, each in enumerate(victims)]
    _in_parallel(home, victims, [moments[: len(moments) // 2] for moments in plans], report)
    report.say("the broker")
    _kill_broker(home, victims, report)
    _in_parallel(home, victims, [moments[len(moments) // 2 :] for moments in plans], report)


def _in_parallel(home: Home, victims: Sequence[Victims], plans: Sequence[Sequence[Moment]], report: Report) -> None:
    with ThreadPoolExecutor(len(victims)) as executor:
        killings = [executor.submit(each.kill, moments) for each, moments in zip(victims, plans, strict=True)]
        try:
            for killing in killings:
                killing.result()
        except BaseException:  # SIGTERM among them: what runs is ended, so that nobody waits for it
            report.failed = True
            home.end()
            raise


def _kill_broker(home: Home, victims: Sequence[Victims], report: Report) -> None:
    """Kill the broker while all sources are read, start it again, and let the refreshes end."""
    reading = [each.start_slow() for each in victims]
    time.sleep(1)
    home.kill_broker()
    report.kills["the broker"].count += 1
    home.start_broker()
    for process in reading:
        process.expect(0, 1)  # what could not be read in time is an error that the next refresh makes good


def _verify(home: Home) -> list[str]:
    """Return what `streaming-assets verify` found to be broken."""
    found = json.loads(home.command("verify", "--json").expect(0, 1))
    return [json.dumps(finding) for finding in found["findings"] if not finding["passed"]]


def _judge(home: Home, victims: Victims) -> Verdict:
    records = read_topic(home.bootstrap_servers, TOPICS[victims.source])
    return compare(victims.source, home.lake, records, ledger.read(victims.producer.ledger))
