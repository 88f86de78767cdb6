"""docs/scaling.md: what it computes follows from what it measured, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streaming_assets.settings import Settings

DOC = (Path(__file__).parents[1] / "docs/scaling.md").read_text("utf-8")


def row(label: str) -> list[float]:
    """The figures of a table's row, by its label's beginning."""
    (line,) = [line for line in DOC.splitlines() if line.startswith(f"| {label}")]
    return [float(cell.strip().removesuffix(" s")) for cell in line.strip("|").split("|")[1:]]


def number(pattern: str) -> float:
    """The one number that a pattern's group finds."""
    (found,) = re.findall(pattern, DOC)
    return float(found.replace(",", ""))


def test_settings_are_there():
    """Every setting that the text names exists."""
    named = re.findall(r"STREAMING_ASSETS_(\w+)", DOC) + re.findall(r"`([A-Z]+_[A-Z_]+)`", DOC)
    assert [name for name in named if name.lower() not in Settings.model_fields] == []


def test_sizes_of_commits_and_tasks_are_the_codes():
    """The sizes of a commit and of a task that the text tells are those of the code."""
    pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")
    from streaming_assets.engines.spark.kafka import RECORDS_PER_TASK  # noqa: PLC0415 - it needs pyspark

    default = Settings.model_fields["spark_batch_records"].default
    assert number(r"`SPARK_BATCH_RECORDS` \(([\d,]+)\)") == default
    assert number(r"more than ([\d,]+) records to read") == RECORDS_PER_TASK
    assert number(r", which is (\d+) tasks") == default / RECORDS_PER_TASK


def test_core_seconds_follow_from_seconds():
    """On two cores, a million events cost twice the seconds that they take."""
    assert row("core-seconds") == pytest.approx([2 * seconds for seconds in row("each million")])


def test_example_follows_from_the_figures():
    """The example's time on one machine and number of cores are what the tables and the formula give."""
    (start, events, seconds, core_seconds) = (row(label)[i] for label, i in (
        ("start", 1), ("each million", 0), ("each million", 1), ("core-seconds", 1)
    ))  # fmt: skip
    busiest = 2 * 1_000 / 24
    assert number(r"busiest hour, ([\d.]+) million") == pytest.approx(busiest, abs=0.05)
    assert number(r"are (\d+) seconds of the busiest hour") == pytest.approx(busiest * events, abs=1)
    assert number(r"busiest hour on two cores, ([\d,]+) seconds of the day") == 1_000 * events
    assert number(r"\(300 - 27\) = (\d+) cores") == pytest.approx(busiest * core_seconds * 2 / (300 - start), abs=0.5)
    assert number(r"a million events in one take (\d+) seconds") == pytest.approx(start + seconds, abs=0.5)
