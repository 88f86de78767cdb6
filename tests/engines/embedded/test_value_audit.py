"""Bronze compared byte for byte with records as Kafka gives them."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from streaming_assets.engines.audits import ValueAudit
from streaming_assets.kafka.columns import RECORD_SCHEMA


@pytest.fixture
def lab(make_lab):
    """A lab with three records in Bronze."""
    lab = make_lab()
    lab.bronze(b"a", None, b"c")
    return lab


def records(lab, **changed):
    """Bronze's rows as Kafka would give them; the one of offset 1 with other cells."""
    rows = [{name: row[name] for name in RECORD_SCHEMA.names} for row in lab.rows("bronze")]
    rows[1] |= changed
    return pa.Table.from_pylist(rows, schema=RECORD_SCHEMA)


def test_the_same_bytes_pass(lab):
    """Records as they are in Bronze do not differ; absent values and headers are the same as absent ones."""
    assert lab.engine.audit_values(lab.source, records(lab)) == ValueAudit(compared=3)


@pytest.mark.parametrize(
    "changed",
    [{"value": b""}, {"value": b"x"}, {"key": b"k"}, {"headers": [{"key": "h", "value": None}]},
     {"timestamp": None}, {"timestamp_type": 1}],
)  # fmt: skip
def test_other_bytes_are_found(lab, changed):
    """One difference, also that of absent and empty, is found."""
    found = lab.engine.audit_values(lab.source, records(lab, **changed))
    assert found == ValueAudit(compared=3, differing=1, examples=("differs: partition 0, offset 1",))


def test_another_timestamp_is_found(lab):
    """A timestamp that differs by a millisecond differs."""
    found = lab.engine.audit_values(lab.source, records(lab, timestamp=lab.noon + timedelta(milliseconds=1)))
    assert found.differing == 1


def test_records_that_bronze_lacks_are_left_to_another_check(lab):
    """A record without a Bronze row is not compared."""
    assert lab.engine.audit_values(lab.source, records(lab, offset=77)) == ValueAudit(compared=2)
    assert lab.engine.audit_values(lab.source, records(lab).slice(0, 0)) == ValueAudit()


def test_no_table_is_no_difference(make_lab, lab, tmp_path):
    """Without a Bronze table nothing is compared."""
    empty = make_lab(home=tmp_path / "empty")
    assert empty.engine.audit_values(empty.source, records(lab)) == ValueAudit()
