"""What is lost or there twice after processes were killed at every moment: nothing, or this ends with exit code 1.

    uv run python benchmarks/kill.py [--kills 200] [--seed N] [--source github_events …] [--dagster]

A producer of each source publishes at a steady rate, with repeated, late and malformed events, and writes down
what Kafka says it has taken. Refreshes (`streaming-assets refresh`, with `--dagster` every fifth a Dagster run),
rebuilds, maintenance and the producers themselves are killed by SIGKILL: at the fault points of
`streaming_assets.faults` (not at those of a replay, which only a changed plugin reaches), when a data file is there
and its commit is not, and at random moments of their work. The broker is killed once, in the middle. A process that
ends before it is killed is an error. In the end the topics are drained, `streaming-assets verify` has to pass, and an
independent reader (`killing/truth.py`: plain delta-rs, a plain consumer, plain Python) compares all tables with the
topics and with what the producers wrote down.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from killing.campaign import Report, run
from killing.events import SOURCES
from killing.processes import Failure
from rich.console import Console
from rich.table import Table

CONSOLE = Console()
ERR = Console(stderr=True, soft_wrap=True)
_STARTED = time.monotonic()


def main() -> None:
    """Kill, compare, print."""
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="kill-"))
    report = Report(arguments.seed, say=_say)
    _say(f"seed {arguments.seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no process is left behind
    chosen = {"kills": arguments.kills, "rate": arguments.rate, "sources": arguments.source}
    try:
        run(folder, report, **chosen, dagster=arguments.dagster)
    except Failure as failure:
        ERR.print(f"{failure}\nseed {arguments.seed}; everything is left in {folder}", markup=False)
        sys.exit(1)
    if arguments.json:
        sys.stdout.write(json.dumps(_plain(report)))
    else:
        _print(report)
    if not report.clean:
        ERR.print(f"seed {arguments.seed}; the tables are left in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


def _say(what: str) -> None:
    ERR.print(f"{time.monotonic() - _STARTED:7.1f} s  {what}", markup=False, highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="processes to kill, besides the broker")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--source", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--rate", type=float, default=60, help="events a second of each source")
    parser.add_argument("--dagster", action="store_true", help="let some of the processes be Dagster runs")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _plain(report: Report) -> dict[str, object]:
    return {
        "seed": report.seed,
        "kills": {moment: kills.count for moment, kills in report.kills.items()},
        "dagster": report.dagster,
        "left_files": report.left_files,
        "records": sum(verdict.records for verdict in report.verdicts.values()),
        "delivered": sum(verdict.delivered for verdict in report.verdicts.values()),
        "lost": sum(verdict.lost for verdict in report.verdicts.values()),
        "duplicated": sum(verdict.duplicated for verdict in report.verdicts.values()),
        "wrong": sum(verdict.wrong for verdict in report.verdicts.values()),
        "slowest_recovery": report.slowest_recovery,
        "told": [f"{source}: {each}" for source, verdict in report.verdicts.items() for each in verdict.told],
        "breaches": report.breaches,
    }


def _print(report: Report) -> None:
    moments = Table(title="SIGKILL")
    for heading in ("moment", "kills", "recovery, s (median)", "slowest"):
        moments.add_column(heading, justify="left" if heading == "moment" else "right")
    for moment, kills in sorted(report.kills.items()):
        seconds = [statistics.median(kills.recovery), max(kills.recovery)] if kills.recovery else []
        moments.add_row(moment, str(kills.count), *(f"{each:.1f}" for each in seconds))
    CONSOLE.print(moments)
    plain = _plain(report)
    totals = Table(title=f"seed {report.seed}")
    totals.add_column("")
    totals.add_column("", justify="right")
    totals.add_row("kills", f"{report.total:,}")
    totals.add_row("of them Dagster runs", f"{report.dagster:,}")
    totals.add_row("that left files without a commit", f"{report.left_files:,}")
    for name in ("records", "delivered", "lost", "duplicated", "wrong"):
        totals.add_row(name, f"{plain[name]:,}")
    totals.add_row("slowest recovery, s", f"{report.slowest_recovery:.1f}")
    totals.add_row("verify", "passes" if not report.breaches else f"{len(report.breaches)} breaches")
    CONSOLE.print(totals)
    for each in (*report.breaches, *(told for verdict in report.verdicts.values() for told in verdict.told)):
        CONSOLE.print(each, markup=False)


if __name__ == "__main__":
    main()
