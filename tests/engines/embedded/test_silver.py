"""Bronze to Silver and quarantine, on Bronze tables written by hand."""

from __future__ import annotations

import contextlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta

import pytest

from streaming_assets.contract import Array, Field, ScalarType, SilverTable, Struct
from streaming_assets.lake.tables import LakeTable

AT = "2026-03-01T11:00:00Z"
ELEVEN = datetime(2026, 3, 1, 11, tzinfo=UTC)


def event(**fields):
    return {"at": AT, "kind": "view", **fields}


def reconciled(lab):
    """Whether every Bronze row is in exactly one place, each table at Bronze's batch."""
    audit = lab.engine.audit_counts(lab.source)
    assert audit.bronze == audit.silver + audit.quarantine + audit.duplicates
    return (audit.lost, audit.in_both, audit.without_bronze, audit.repeated_events) == (0,) * 4


def counts(refined):
    return [(step.records, step.silver, step.quarantined, step.duplicates) for step in refined]


def places(rows):
    return [(row["partition"], row["offset"]) for row in rows]


NASTY = [
    (None, "no_value"),
    (b"", "no_value"),
    (b"  ", "not_json"),
    (b"hello", "not_json"),
    (b"\xff\xfe{}", "not_utf8"),
    (b'{"at":"' + AT.encode() + b'","kind":"caf\xe9"}', "not_utf8"),
    (json.dumps(json.dumps(event())).encode(), "not_an_object"),
    (json.dumps([event()]).encode(), "not_an_object"),
    (b"12", "not_an_object"),
    (b"null", "not_an_object"),
    (b"\xef\xbb\xbf" + json.dumps(event()).encode(), "not_json"),
    (json.dumps(event()).encode()[:-1], "not_json"),
    (b'{"at":"' + AT.encode() + b'","kind":"view",}', "not_json"),
    (b'{"at":"' + AT.encode() + b'","kind":"view","amount":NaN}', "not_json"),
    (b'{"at":"' + AT.encode() + b'","kind":"view","kind":"buy"}', "duplicate_field"),
    (b"[" * 100_000, "too_deep"),
    ({"timestamp": 1772362800, "type": "view"}, "missing_field"),
    (event(kind=None), "null_field"),
    (event(at="2026-03-01 11:00:00"), "bad_timestamp"),
    (event(at=1772362800), "wrong_type"),
    (event(amount="7"), "wrong_type"),
    (event(amount=2**63), "out_of_range"),
    (event(at="2026-03-03T00:00:00Z"), "event_time_in_future"),
    (event(kind="\ud800"), "not_text"),
    (event(user=None, amount=None, id=None), None),
    (event(x=json.dumps(event())), None),
    (event(kind="x" * 5_000_000), None),
    (event(kind="a\0b"), None),
    (event(x="\ud800"), None),
    (event(kind="👩‍👩‍👧\u2028"), None),
    (event(at="0001-01-01T00:00:00Z"), None),
    (event(at="1969-12-31T23:59:59.999999Z"), None),
    (event(at="2016-12-31T23:59:60Z"), None),
]


def test_nasty_records_cost_themselves_only(make_lab):
    """Each record that does not fit is in quarantine with its reason and bytes, and all others are in Silver."""
    lab = make_lab()
    lab.bronze(*[value for value, _ in NASTY])

    (refined,) = lab.refine()

    misfits = {row["offset"]: row for row in lab.rows("quarantine")}
    assert {index: reason for index, (_, reason) in enumerate(NASTY) if reason} == {
        offset: row["reason"] for offset, row in misfits.items()
    }
    assert [index for index, (_, reason) in enumerate(NASTY) if reason is None] == [
        row["offset"] for row in lab.rows("silver")
    ]
    bronze = lab.rows("bronze")
    assert [bronze[offset]["value"] for offset in misfits] == [row["value"] for row in misfits.values()]
    assert (refined.silver, refined.quarantined, refined.duplicates) == (9, 24, 0)
    assert reconciled(lab)


def test_a_batch_of_misfits_only_is_refined(make_lab):
    """Where no record fits, all are in quarantine, Silver is empty and has the batch."""
    lab = make_lab()
    lab.bronze(b"x", None)
    assert counts(lab.refine()) == [(2, 0, 2, 0)]
    assert (lab.rows("silver"), lab.open("silver").batch) == ([], 1)
    assert reconciled(lab)


def test_silver_rows_carry_identity_coordinates_and_day(make_lab):
    """A Silver row has its event's id and time, the plugin's columns, where it came from, its batch and its day."""
    lab = make_lab()
    lab.bronze(lab.record(json.dumps(event(id="e1", user="ada", amount=7, at="2026-03-01T00:30:00+01:00")).encode(),
                          partition=2, offset=41))  # fmt: skip
    lab.refine()
    assert lab.rows("silver") == [
        {
            "event_id": "e1", "event_time": datetime(2026, 2, 28, 23, 30, tzinfo=UTC),
            "kind": "view", "user": "ada", "amount": 7,
            "topic": "shop-events", "partition": 2, "offset": 41, "batch": 1, "event_date": date(2026, 2, 28),
        }
    ]  # fmt: skip


@pytest.mark.parametrize("value", [event(), event(id=""), event(id=None), event(kind="x\ud83d\ude00", x="\ud800")])
def test_events_without_an_id_are_identified_by_their_place(make_lab, value):
    """An event without an id, decided natively or not, is identified by partition and offset."""
    lab = make_lab()
    lab.bronze(lab.record(json.dumps(value).encode(), partition=3, offset=17))
    lab.refine()
    assert [row["event_id"] for row in lab.rows("silver")] == ["3-17"]


def test_equal_events_without_ids_are_all_kept(make_lab):
    """Two equal events that have no id are two events."""
    lab = make_lab()
    lab.bronze(event(), event())
    assert counts(lab.refine()) == [(2, 2, 0, 0)]


def slow(value):
    """The same event, so that the native check leaves it to the fitter."""
    return {**value, "x": "\ud800"}


@pytest.mark.parametrize("second", [event(id="e"), slow(event(id="e")), event(id="e", kind="other")])
def test_an_event_is_in_silver_once(make_lab, second):
    """Inside a slice, in a later slice and in another partition a repeated event is a duplicate; the first stays."""
    lab = make_lab(batch_records=1)
    lab.bronze(event(id="e"), second)
    lab.bronze(second, event(id="f"))
    lab.bronze(lab.record(json.dumps(second).encode(), partition=1, offset=0), event(id="g"))

    assert counts(lab.refine()) == [(2, 1, 0, 1), (2, 1, 0, 1), (2, 1, 0, 1)]
    assert places(lab.rows("silver")) == [(0, 0), (0, 3), (0, 4)]
    assert reconciled(lab)


def test_duplicates_are_found_in_later_runs(make_lab):
    """An event that comes again after its batch is long in Silver is a duplicate, to the microsecond of its time."""
    lab = make_lab()
    seconds = ("1969-12-31T23:59:59", "2026-03-01T11:00:00")
    times = [f"{second}.{micro:06}Z" for second in seconds for micro in (0, 1, 501, 999, 123_457, 999_999)]
    for at in times:
        lab.bronze(event(id=at, at=at))
        lab.refine()
    lab.bronze(*[event(id=at, at=at) for at in times])

    assert counts(lab.refine()) == [(12, 0, 0, 12)]
    assert reconciled(lab)


def test_the_same_id_at_another_time_is_another_event(make_lab):
    """An event is its id and its time."""
    lab = make_lab()
    lab.bronze(event(id="e"), event(id="e", at="2026-03-01T11:00:00.000001Z"))
    lab.bronze(event(id="e", at="2026-03-01T12:00:00+01:00"))
    assert counts(lab.refine()) == [(3, 2, 0, 1)]


def test_what_does_not_fit_is_no_duplicate(make_lab):
    """A repeated event that does not fit is in quarantine each time."""
    lab = make_lab()
    lab.bronze(event(id="e"), event(id="e", amount="x"), event(id="e", amount="x"))
    assert counts(lab.refine()) == [(3, 1, 2, 0)]
    assert reconciled(lab)


def test_nothing_new_is_no_commit(make_lab):
    """A second run yields nothing and leaves every table at its version."""
    lab = make_lab()
    lab.bronze(event(id="e"), b"x")
    lab.refine()
    before = lab.versions()
    assert lab.refine() == []
    assert before == lab.versions()


def test_batches_without_records_are_followed(make_lab):
    """A Bronze batch that moved the position only moves Silver's batch on, once."""
    lab = make_lab()
    lab.bronze(event(id="e"))
    lab.bronze()
    lab.refine()
    assert (lab.open("silver").batch, len(lab.rows("silver"))) == (2, 1)
    lab.bronze()
    lab.refine()
    before = lab.versions()
    assert (lab.refine(), lab.versions(), lab.open("silver").batch) == ([], before, 3)
    assert reconciled(lab)


def test_no_bronze_is_nothing_to_do(make_lab):
    """Without a Bronze table no table is made."""
    lab = make_lab()
    assert lab.refine() == []
    assert lab.versions() == [None, None, None]


class Killed(Exception):
    """The process ends here."""


@contextlib.contextmanager
def killed_at(layer):
    """End the run where a table of a layer is to be committed."""
    append = LakeTable.append

    def fail(self, rows, **how):
        if self.id.layer == layer:
            raise Killed
        append(self, rows, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LakeTable, "append", fail)
        yield


@pytest.mark.parametrize("layer", ["quarantine", "silver"])
@pytest.mark.parametrize("batch_records", [1, 100])
def test_a_crash_between_commits_costs_nothing(make_lab, layer, batch_records):
    """After an end before the commit of quarantine, or between it and Silver's, the next run completes both once."""
    lab = make_lab(batch_records=batch_records)
    lab.bronze(event(id="e"), b"x")
    lab.bronze(event(id="f"), b"y", event(id="e"))
    with pytest.raises(Killed), killed_at(layer):
        lab.refine()
    lab.bronze(b"z", event(id="g"))
    lab.refine()
    assert [row["value"] for row in lab.rows("quarantine")] == [b"x", b"y", b"z"]
    assert [row["event_id"] for row in lab.rows("silver")] == ["e", "f", "g"]
    assert reconciled(lab)


def test_a_crash_may_be_followed_by_larger_slices(make_lab):
    """Where a run after a crash takes other slices, what is in quarantine is still there once, and nothing is lost."""
    small = make_lab(batch_records=1)
    for letter in "abcd":
        small.bronze(event(id=letter), letter.encode())
    with pytest.raises(Killed), killed_at("silver"):
        small.refine()
    large = make_lab()
    large.refine()
    assert [row["value"] for row in large.rows("quarantine")] == [b"a", b"b", b"c", b"d"]
    assert reconciled(large)


def test_a_crash_may_be_followed_by_another_definition(make_lab, make_source):
    """Where a plugin is changed after a crash, each record is in one place: what was quarantined stays there only."""
    before = make_lab()
    before.bronze(event(id="e", amount=1), event(id="f", amount="2"), event(id="g", amount=None))
    before.bronze(event(id="h", amount="4"), event(id="i", amount=5))
    with pytest.raises(Killed), killed_at("silver"):
        before.refine()
    fields = tuple(
        Field(name="amount", type=ScalarType.STRING) if each.name == "amount" else each
        for each in before.source.schema.fields
    )
    silver = SilverTable(
        sql="SELECT kind, user, CAST(amount AS BIGINT) AS amount FROM events", columns=before.source.silver.columns
    )
    after = make_lab(make_source(fields, silver=silver))
    after.refine()
    assert places(after.rows("silver")) == []
    assert places(after.rows("quarantine")) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]
    assert reconciled(after)


@pytest.mark.parametrize("layers", [("bronze",), ("silver", "quarantine"), ("bronze", "silver", "quarantine")])
def test_compaction_between_runs_changes_nothing(make_lab, layers):
    """Merged files bring no record again and hide none from the search for duplicates."""
    lab = make_lab()
    for letter in "abc":
        lab.bronze(event(id=letter), letter.encode())
        lab.refine()
    lab.bronze(event(id="d"))
    for layer in layers:
        lab.maintain(layer)
    lab.bronze(event(id="a"), event(id="e"), b"e")
    lab.refine()
    assert [row["event_id"] for row in lab.rows("silver")] == ["a", "b", "c", "d", "e"]
    assert [row["value"] for row in lab.rows("quarantine")] == [b"a", b"b", b"c", b"e"]
    before = lab.versions()
    assert (lab.refine(), lab.versions()) == ([], before)
    assert reconciled(lab)


def test_a_record_without_timestamp_is_judged_by_when_it_was_read(make_lab):
    """Where Kafka has no timestamp, an event may be a day ahead of its ingestion."""
    lab = make_lab()
    day_ahead = [(lab.noon + timedelta(days=1, seconds=seconds)).isoformat() for seconds in (1, 2)]
    lab.bronze(*[lab.record(json.dumps(event(at=at)).encode(), timestamp=None) for at in day_ahead])
    assert counts(lab.refine()) == [(2, 1, 1, 0)]


@pytest.mark.parametrize("year", [2099, 9999, 50_000])
def test_a_wrong_clock_does_not_excuse_itself(make_lab, year):
    """A record whose own timestamp lies ahead of when it was read, however far, is judged by the latter."""
    lab = make_lab()
    microseconds = (year - 1970) * 365 * 86_400 * 10**6
    at = f"{min(year, 9999)}-01-01T00:00:00Z"
    lab.bronze(lab.record(json.dumps(event(at=at)).encode(), timestamp=microseconds), event())
    assert counts(lab.refine()) == [(2, 1, 1, 0)]
    lab.maintain("bronze")
    lab.bronze(lab.record(json.dumps(event(id="e")).encode(), timestamp=microseconds))
    assert counts(lab.refine()) == [(1, 1, 0, 0)]
    assert ["event_time_in_future"] == lab.open("quarantine").query("SELECT reason FROM t")["reason"].to_pylist()
    assert reconciled(lab)


PERSON = Struct(
    fields=(
        Field(name="mail", type=ScalarType.STRING, required=False),
        Field(name="boss", type=Struct(fields=(Field(name="mail", type=ScalarType.STRING),)), required=False),
    )
)


@pytest.mark.parametrize("key", ["k", "a key for tests", "x" * 64, "ключ" * 40])
def test_pseudonyms_are_hmacs(make_lab, make_source, key):
    """A pseudonym is the start of Python's HMAC-SHA-256, for keys and texts of every length, at any depth."""
    fields = (
        Field(name="at", type=ScalarType.TIMESTAMP),
        Field(name="user", type=ScalarType.STRING, required=False),
        Field(name="person", type=PERSON, required=False),
    )
    silver = SilverTable(
        sql="SELECT user, person.mail AS mail, person.boss.mail AS boss FROM events",
        columns=tuple(Field(name=each, type=ScalarType.STRING, required=False) for each in ("user", "mail", "boss")),
    )
    hidden = ("user", "person.mail", "person.boss.mail")
    lab = make_lab(make_source(fields, silver=silver, event_id=None, pseudonymous=hidden), pseudonym_key=key)
    names = ["ada", "", "ада ☕", "a\0b", "x" * 1_000]
    events = [{"at": AT, "user": name, "person": {"mail": name, "boss": {"mail": name}}} for name in names]
    lab.bronze(*events, *map(slow, events), {"at": AT, "person": {"boss": None}}, {"at": AT, "user": None})
    lab.refine()

    pseudonyms = [hmac.new(key.encode(), name.encode(), "sha256").hexdigest()[:32] for name in names]
    found = [(row["user"], row["mail"], row["boss"]) for row in lab.rows("silver")]
    assert found == [(each,) * 3 for each in pseudonyms] * 2 + [(None,) * 3] * 2


def test_fields_named_like_the_framework_columns_are_the_events_own(make_lab, make_source):
    """An event's own `topic`, `offset`, `event_id`, `batch` … reach the Silver SQL, and the coordinates stay right."""
    names = ("topic", "partition", "offset", "event_id", "event_time", "batch", "value", "timestamp", "reason", "field")
    fields = (
        Field(name="at", type=ScalarType.TIMESTAMP),
        *[Field(name=name, type=ScalarType.STRING) for name in names],
    )
    silver = SilverTable(
        sql=f"SELECT {', '.join(f'`{name}` AS my_{name}' for name in names)} FROM events",
        columns=tuple(Field(name=f"my_{name}", type=ScalarType.STRING) for name in names),
    )
    lab = make_lab(make_source(fields, silver=silver, event_id=None))
    whole = {"at": AT, **{name: name.upper() for name in names}}
    lab.bronze(whole, slow(whole), b"x")
    lab.refine()
    rows = lab.rows("silver")
    assert [{name: row[f"my_{name}"] for name in names} for row in rows] == [{name: name.upper() for name in names}] * 2
    assert [(row["topic"], row["offset"], row["event_id"], row["batch"]) for row in rows] == [
        ("shop-events", 0, "0-0", 1),
        ("shop-events", 1, "0-1", 1),
    ]
    assert reconciled(lab)


ITEMS = Array(items=Struct(fields=(Field(name="sku", type=ScalarType.STRING), Field(name="n", type=ScalarType.LONG))))
BASKET = Struct(fields=(Field(name="items", type=ITEMS, required=False), Field(name="on", type=ScalarType.DATE)))


@pytest.mark.parametrize(
    "values",
    [
        [{}],
        [{"tags": ["a"], "basket": {"on": "2026-03-01", "items": [{"sku": "s", "n": 1}]}}],
        [{}, {"tags": [], "basket": {"on": "2026-03-01"}}, {"basket": {"on": "2026-03-01", "items": []}}],
        [{"tags": "x"}],
    ],
)
def test_arrays_have_their_type_whatever_a_batch_holds(make_lab, make_source, values):
    """Silver SQL over arrays runs on batches with and without them, and on batches of misfits only."""
    fields = (
        Field(name="at", type=ScalarType.TIMESTAMP),
        Field(name="tags", type=Array(items=ScalarType.STRING), required=False),
        Field(name="basket", type=BASKET, required=False),
    )
    silver = SilverTable(
        sql="SELECT size(tags) AS n, tags, array_join(tags, '-') AS joined, basket.items[0].sku AS sku FROM events",
        columns=(
            Field(name="n", type=ScalarType.LONG, required=False),
            Field(name="tags", type=Array(items=ScalarType.STRING), required=False),
            Field(name="joined", type=ScalarType.STRING, required=False),
            Field(name="sku", type=ScalarType.STRING, required=False),
        ),
    )
    lab = make_lab(make_source(fields, silver=silver, event_id=None))
    lab.bronze(*[{"at": AT, **value} for value in values])
    lab.refine()

    def item(value):
        items = (value.get("basket") or {}).get("items")
        return items[0]["sku"] if items else None

    assert [(row["tags"], row["sku"]) for row in lab.rows("silver")] == [
        (value.get("tags"), item(value)) for value in values if value.get("tags") != "x"
    ]
    assert reconciled(lab)
