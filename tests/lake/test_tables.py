"""Delta tables: what a commit records, and which writes are refused."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from streaming_assets.contract import Array, Field, GoldTable, ScalarType, SilverTable, Struct
from streaming_assets.errors import ConcurrentWrite, DefinitionChanged, TableError
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create, open_table
from streaming_assets.lake.schemas import gold_schema
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.versions import gold_version

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

COUNTS = GoldTable(
    name="counts",
    description="Counts.",
    sql="SELECT 1",
    columns=(
        Field(name="kind", type=ScalarType.STRING),
        Field(name="n", type=ScalarType.LONG, required=False),
        Field(name="at", type=ScalarType.TIMESTAMP, required=False),
    ),
    keys=("kind",),
)

VERSION = gold_version(COUNTS)


@pytest.fixture
def source(make_source):
    return make_source(gold=(COUNTS,))


@pytest.fixture
def opened(source, tmp_path):
    """Opens the table `counts`, each time anew."""
    return lambda: open_or_create(source, layout.gold(source, COUNTS), tmp_path, description="Counts.")


@pytest.fixture
def seen(source, tmp_path):
    """Opens the table `counts` as one who only looks at it, whoever wrote it."""
    return lambda: open_table(layout.gold(source, COUNTS), tmp_path)


def rows(*values):
    """Rows of (kind, n, at)."""
    columns = [list(column) for column in zip(*values, strict=True)] or [[], [], []]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, gold_schema(COUNTS), strict=True)],
                    schema=gold_schema(COUNTS))  # fmt: skip


A, B, C = (("a", 1, NOON), ("b", 2, NOON), ("c", 3, NOON))


def kinds(table):
    return table.query("SELECT kind FROM t ORDER BY kind")["kind"].to_pylist()


def test_a_new_table_is_empty(opened):
    """A table that was just made has its columns, no rows, no files and no batch."""
    table = opened()
    assert (table.version, table.batch, table.rows(), table.files()) == (0, NO_BATCH, 0, [])
    assert table.arrow_schema().names == ["kind", "n", "at"]
    assert (table.path / "_delta_log").is_dir()
    assert table.commit_metadata() is None


def test_a_commit_says_what_the_table_contains(opened):
    """A commit records batch and metadata, which every handle opened afterwards sees."""
    opened().append(rows(A, B), batch=7, metadata={"records": 2})
    table = opened()
    assert (table.version, table.batch, table.rows(), kinds(table)) == (1, 7, 2, ["a", "b"])
    assert table.commit_metadata() == {"batch": 7, "definition": VERSION, "records": 2}
    assert timedelta(0) <= datetime.now(tz=UTC) - table.last_commit() < timedelta(minutes=5)


def test_a_handle_sees_its_own_commits(opened):
    """After a commit the same handle is at the new version and can go on."""
    table = opened()
    table.append(rows(A), batch=1, metadata={})
    table.append(rows(B), batch=2, metadata={})
    assert (table.version, table.batch, kinds(table)) == (2, 2, ["a", "b"])


def test_an_empty_commit_moves_the_batch_on(opened):
    """A batch without rows is a commit, too."""
    opened().append(rows(), batch=1, metadata={})
    assert (opened().batch, opened().files()) == (1, [])


def test_replacing_takes_the_rows_of_a_condition(opened):
    """Rows that meet the condition give way to the new ones in one commit, and all others stay."""
    table = opened()
    table.append(rows(A, B, C), batch=1, metadata={})
    table.replace(rows(("b", 20, NOON), ("bb", 21, NOON)), where="kind >= 'b' AND kind < 'c'", batch=2, metadata={})
    assert kinds(opened()) == ["a", "b", "bb", "c"]
    table.replace(rows(("z", 1, NOON)), where=None, batch=3, metadata={})
    assert (kinds(opened()), opened().version) == (["z"], 3)


def test_replacing_the_newest_rows_again_writes_a_part_of_the_table(opened):
    """The commits of refreshes, each of which replaces the newest rows, do not write all others again and again."""
    values = random.Random(1)  # noqa: S311 - data for a test
    old = [("a", values.randrange(2**62), NOON + timedelta(microseconds=each)) for each in range(300_000)]
    opened().append(rows(*old, B), batch=1, metadata={})
    opened().replace(rows(B, B), where="kind = 'b'", batch=2, metadata={})
    table = opened()
    before = {file.path for file in table.files()}
    table.replace(rows(B, B, B), where="kind = 'b'", batch=3, metadata={})
    written = sum(file.records for file in opened().files() if file.path not in before)
    assert 3 <= written < 150_000
    assert opened().rows() == 300_003


def test_rows_outside_of_their_condition_are_refused(opened):
    """New rows that the condition does not hold for are not written."""
    opened().append(rows(A), batch=1, metadata={})
    with pytest.raises(TableError):
        opened().replace(rows(C), where="kind = 'b'", batch=2, metadata={})
    assert (kinds(opened()), opened().batch) == (["a"], 1)


def test_texts_that_hold_ends_of_lines_are_written_and_read(opened):
    """What Unicode takes for the end of a line may stand in a text, of which the log has statistics."""
    ends = [f"a{sign}b" for sign in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"]
    for batch, end in enumerate(ends, start=1):
        opened().append(rows((end, batch, NOON)), batch=batch, metadata={})
    assert kinds(opened()) == sorted(ends)


def test_a_null_in_a_required_column_is_refused(opened):
    """A row without a value for a required column is not written."""
    with pytest.raises(TableError):
        opened().append(rows((None, 1, NOON)), batch=1, metadata={})
    assert (opened().version, opened().batch) == (0, NO_BATCH)


def append(table, batch):
    table.append(rows(B), batch=batch, metadata={})


def replace(table, batch):
    table.replace(rows(B), where="kind = 'b'", batch=batch, metadata={})


def replace_all(table, batch):
    table.replace(rows(B), where=None, batch=batch, metadata={})


@pytest.mark.parametrize("write", [append, replace, replace_all])
@pytest.mark.parametrize("batch", [4, 5])
def test_the_second_of_two_writers_is_refused(opened, write, batch):
    """A write through a handle that was opened before another writer's commit is refused as a whole."""
    opened().append(rows(A), batch=3, metadata={})
    first, second = opened(), opened()
    first.append(rows(C), batch=4, metadata={})
    with pytest.raises(ConcurrentWrite, match=r"shop\.gold\.counts first"):
        write(second, batch)
    assert (kinds(opened()), opened().batch) == (["a", "c"], 4)


@pytest.mark.parametrize("write", [append, replace, replace_all])
@pytest.mark.parametrize("batch", [2, 3])
def test_a_batch_that_is_there_is_refused(opened, write, batch):
    """A batch that is not higher than the table's is not written again."""
    opened().append(rows(A), batch=3, metadata={})
    with pytest.raises(ConcurrentWrite, match="already contains batch"):
        write(opened(), batch)
    assert (kinds(opened()), opened().version) == (["a"], 1)


def test_rows_of_known_batches_can_be_completed(opened):
    """Rows can be added to the batches that the table contains; of two who do so, the second is refused."""
    opened().append(rows(A), batch=3, metadata={})
    first, second = opened(), opened()
    first.complete(rows(B), metadata={})
    with pytest.raises(ConcurrentWrite):
        second.complete(rows(B), metadata={})
    assert (kinds(opened()), opened().batch) == (["a", "b"], 3)


def test_the_batch_survives_foreign_commits_and_checkpoints(opened, seen):
    """A commit of somebody else, a checkpoint and a compaction leave batch and metadata as they were."""
    for batch, row in enumerate((A, B), start=1):
        opened().append(rows(row), batch=batch, metadata={"n": batch})
    path = str(opened().path)
    DeltaTable(path).create_checkpoint()
    DeltaTable(path).optimize.compact()
    write_deltalake(path, rows(C), mode="append")
    assert (seen().batch, seen().commit_metadata()) == (2, {"batch": 2, "definition": VERSION, "n": 2})


@pytest.mark.parametrize("text", ["not JSON", "[1]", "7", '{"other": 1}', '{"batch": 1}', ""])
def test_foreign_metadata_is_not_ours(opened, seen, text):
    """A foreign commit's own metadata is passed over, whatever it holds."""
    for batch, row in enumerate((A, B), start=1):
        opened().append(rows(row), batch=batch, metadata={"n": batch})
    properties = CommitProperties(custom_metadata={"userMetadata": text})
    write_deltalake(str(opened().path), rows(C), mode="append", commit_properties=properties)
    assert seen().commit_metadata() == {"batch": 2, "definition": VERSION, "n": 2}


def test_metadata_is_found_below_many_foreign_commits(opened, seen):
    """However many commits of somebody else lie on top, what was recorded last is found."""
    opened().append(rows(A), batch=1, metadata={"n": 1})
    for _ in range(25):
        write_deltalake(str(seen().path), rows(C), mode="append")
    assert seen().commit_metadata() == {"batch": 1, "definition": VERSION, "n": 1}


def test_a_compaction_that_was_overtaken_tells_nothing(opened):
    """Where a batch was committed while files were merged, the older metadata that the merge repeats is not taken."""
    for batch, row in enumerate((A, B), start=1):
        opened().append(rows(row), batch=batch, metadata={"n": batch})
    maintainer = opened()
    opened().append(rows(C), batch=3, metadata={"n": 3})
    maintainer.compact(metadata=maintainer.commit_metadata())
    assert opened().version == 4
    assert (opened().batch, opened().commit_metadata()) == (3, {"batch": 3, "definition": VERSION, "n": 3})
    assert kinds(opened()) == ["a", "b", "c"]


def test_files_know_their_bounds(opened):
    """A file's statistics hold each of its values, times to the microsecond."""
    late = NOON + timedelta(microseconds=1501)
    opened().append(rows(("a", -1, NOON), ("b", 5, late)), batch=1, metadata={})
    (file,) = opened().files()
    assert (file.records, file.low["kind"], file.high["kind"], file.low["n"], file.high["n"]) == (2, "a", "b", -1, 5)
    assert file.low["at"] <= NOON
    assert late <= file.high["at"] < late + timedelta(milliseconds=1)
    assert file.size == (opened().path / file.path).stat().st_size


def test_only_files_with_newer_batches_are_given(make_lab):
    """Files are chosen by the batches they hold, merged ones by their newest."""
    lab = make_lab()
    for _ in range(4):
        lab.bronze(b"x")
    assert [len(lab.open("bronze").files(newer_than=batch)) for batch in range(5)] == [4, 3, 2, 1, 0]
    lab.open("bronze").compact(metadata={})
    assert [len(lab.open("bronze").files(newer_than=batch)) for batch in range(5)] == [1, 1, 1, 1, 0]


def test_there_is_no_table_where_there_is_none(source, tmp_path):
    """A folder that is missing, empty, or holds an empty log is no table, and one can be made there."""
    identity = layout.gold(source, COUNTS)
    assert open_table(identity, tmp_path) is None
    identity.path(tmp_path).mkdir(parents=True)
    assert open_table(identity, tmp_path) is None
    (identity.path(tmp_path) / "_delta_log").mkdir()
    assert open_table(identity, tmp_path) is None
    assert open_or_create(source, identity, tmp_path).version == 0


PAIR = Struct(fields=(Field(name="a", type=ScalarType.LONG), Field(name="b", type=Array(items=ScalarType.DATE))))
NESTED = SilverTable(
    sql="SELECT 1",
    columns=tuple(
        Field(name=f"c{index}", type=kind, required=False)
        for index, kind in enumerate([*(k for k in ScalarType if k is not ScalarType.TEXT), PAIR, Array(items=PAIR)])
    ),
)


def test_tables_of_all_types_are_opened_again(make_source, tmp_path):
    """A table with columns of every type is what its definition says when it is opened again."""
    source = make_source(silver=NESTED)
    for identity in layout.tables_of(source):
        open_or_create(source, identity, tmp_path)
        assert open_or_create(source, identity, tmp_path).version == 0


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (COUNTS.columns[:2], "at (not in the definition)"),
        ((*COUNTS.columns, Field(name="x", type=ScalarType.DATE)), "x (missing instead of date32[day])"),
        ((COUNTS.columns[0], Field(name="n", type=ScalarType.STRING), COUNTS.columns[2]),
         "n (int64 instead of string)"),
        ((Field(name="sort", type=ScalarType.STRING), *COUNTS.columns[1:]),
         "sort (missing instead of string), kind (not in the definition)"),
    ],
)  # fmt: skip
def test_other_columns_are_told(make_source, opened, tmp_path, columns, found):
    """A table whose columns are not those of the definition is not touched, and each difference is told."""
    opened()
    changed = GoldTable(name="counts", description="Counts.", sql="SELECT 1", columns=columns, keys=(columns[0].name,))
    source = make_source(gold=(changed,))
    with pytest.raises(DefinitionChanged, match=r"definition of table shop\.gold\.counts has other columns") as raised:
        open_or_create(source, layout.gold(source, changed), tmp_path)
    assert found == raised.value.found
    assert (opened().version, "`streaming-assets refresh shop --rebuild gold`" in raised.value.remedy) == (0, True)


def test_an_unreadable_feature_is_refused(opened, source, tmp_path):
    """A table whose files can't be read as they lie there is refused, and the feature is named."""
    log = opened().path / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    feature = ["deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": feature, "writerFeatures": feature}
    actions = [{"protocol": protocol} if "protocol" in action else action for action in actions]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"]["delta.enableDeletionVectors"] = "true"
    log.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(TableError, match="uses table features") as raised:
        open_table(layout.gold(source, COUNTS), tmp_path)
    assert raised.value.found == "deletionVectors"


@pytest.mark.parametrize("text", ["{broken", "", "{}"])
def test_a_broken_log_is_told_in_a_line(opened, source, tmp_path, text):
    """A log that can't be read is a typed error of one line, without a stack trace."""
    table = opened()
    (table.path / "_delta_log" / f"{0:020}.json").write_text(text)
    with pytest.raises(TableError, match=r"shop\.gold\.counts (is damaged|can't be read)") as raised:
        open_table(layout.gold(source, COUNTS), tmp_path)
    assert "\n" not in raised.value.found


def test_a_file_that_is_gone_is_told(opened):
    """A query over a table one of whose files is gone is a typed error."""
    opened().append(rows(A), batch=1, metadata={})
    (file,) = opened().files()
    (opened().path / file.path).unlink()
    with pytest.raises(TableError, match=r"shop\.gold\.counts"):
        opened().query("SELECT * FROM t")
