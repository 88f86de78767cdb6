"""The independent reader of the kill benchmark: it passes what is right, and finds each thing that is wrong."""

from __future__ import annotations

import hashlib

import pytest
from deltalake import DeltaTable, write_deltalake

from streaming_assets.registry import load_sources

SOURCES = ("github_events", "user_interactions")


class Judged:
    """A source's tables, made from 300 events of the benchmark in three batches, and the reader's judgement."""

    def __init__(self, name, make_lab, module):
        expected, self._truth = module("killing.expected"), module("killing.truth")
        value = module("killing.events").value
        self.name = name
        self.lab = make_lab(load_sources().get(name), pseudonym_key=expected.PSEUDONYM_KEY)
        self.records, self.ledger = {}, {}
        for batch in range(3):
            records = [
                self.lab.record(value(name, 7, number), partition=number % 2, offset=number)
                for number in range(100 * batch, 100 * batch + 100)
            ]
            self.lab.bronze(*records)
            self.lab.refine()
            for table in self.lab.source.gold:
                self.lab.aggregate(table.name)
            for each in records:
                self.records[each.partition, each.offset] = self._truth.Record(each.value, each.timestamp)
                self.ledger[each.partition, each.offset] = hashlib.sha256(each.value).hexdigest()

    def table(self, name):
        return DeltaTable(str(self.lab.lake / self.name / name))

    def double(self, name, where):
        """Write the rows that meet a condition once more."""
        table = self.table(name)
        rows = table.to_pyarrow_table(filters=where)
        assert rows.num_rows > 0
        write_deltalake(table, rows, mode="append")

    def verdict(self):
        found = self._truth.compare(self.name, self.lab.lake, self.records, self.ledger)
        assert found.clean == (found.lost == found.duplicated == found.wrong == 0)
        return found.lost, found.duplicated, found.wrong


@pytest.fixture(params=SOURCES)
def judged(request, make_lab, benchmark_module):
    """The tables of one source, and then the other."""
    return Judged(request.param, make_lab, benchmark_module)


@pytest.fixture
def github(make_lab, benchmark_module):
    """The tables of `github_events`."""
    return Judged("github_events", make_lab, benchmark_module)


def test_right_tables_pass(judged):
    """Plain Python comes to the same tables, of events that repeat others, come late or do not fit."""
    assert judged.verdict() == (0, 0, 0)
    counts = [judged.table(name).count() for name in ("bronze", "silver", "quarantine")]
    assert counts[0] == 300
    assert sum(counts[1:]) < 300
    assert min(counts) > 0


def test_a_lost_record_is_found(github):
    """A record that Bronze lacks is missed by the ledger and by the topic."""
    github.table("bronze").delete('"offset" = 11')
    assert github.verdict() == (2, 0, 0)


def test_a_record_that_kafka_lost_is_found(github):
    """An event that was delivered is missed where neither topic nor Bronze has it."""
    github.ledger[0, 4711] = "0" * 64
    assert github.verdict() == (2, 0, 0)


def test_a_doubled_record_is_found(github):
    """A record that is in Bronze twice is counted."""
    github.double("bronze", [("offset", "=", 11)])
    assert github.verdict() == (0, 1, 0)


def test_changed_bytes_are_found(github):
    """A value that is not what the topic holds, and not what was delivered, is wrong twice."""
    github.table("bronze").update(updates={"value": "CAST('other' AS BYTEA)"}, predicate='"offset" = 11')
    assert github.verdict() == (0, 0, 2)


def place_of(github, table):
    return min(row["offset"] for row in github.lab.rows(table))


@pytest.mark.parametrize("table", ["silver", "quarantine"])
def test_a_lost_row_is_found(github, table):
    """A row of Silver or quarantine that somebody deleted is missed."""
    github.table(table).delete(f'"offset" = {place_of(github, table)}')
    assert github.verdict() == (1, 0, 0)


def test_a_doubled_row_is_found(github):
    """A row that is in Silver twice is a record twice and an event twice; in quarantine it is a record twice."""
    for table in ("silver", "quarantine"):
        github.double(table, [("offset", "=", place_of(github, table))])
    assert github.verdict() == (0, 3, 0)


def test_a_changed_row_is_found(github):
    """A cell of Silver that says something else is wrong."""
    github.table("silver").update(
        updates={"actor_login": "'eve'"}, predicate=f'"offset" = {place_of(github, "silver")}'
    )
    assert github.verdict() == (0, 0, 1)


def test_a_row_in_both_is_found(github):
    """A record that fits and stands in quarantine too is wrong there."""
    (row, *_) = github.lab.rows("quarantine")
    github.table("quarantine").update(
        updates={"partition": str(place_of(github, "silver") % 2), "offset": str(place_of(github, "silver"))},
        predicate=f'"offset" = {row["offset"]}',
    )
    assert github.verdict() == (1, 0, 1)


@pytest.mark.parametrize("table", ["events_per_type", "active_users_per_org", "top_repositories"])
def test_a_wrong_cell_is_found(github, table):
    """A cell of Gold that says something else is a row that is missing and a row that should not be there."""
    first, *_ = github.lab.rows("gold", table)
    measure = list(first)[-1]
    group = list(first)[-2]
    start = first["window_start"].isoformat()
    github.table(f"gold/{table}").update(
        updates={measure: "4711"}, predicate=f"{group} = '{first[group]}' AND window_start = '{start}'"
    )
    assert github.verdict() == (1, 0, 1)
