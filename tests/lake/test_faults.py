"""What happens to files and logs: each fault ends in right tables, or in an error whose way out leads to them.

The damage is done to real tables, and each way out that an error names is followed to its end.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.errors import FileDamaged, ForeignWrite, LogDamaged, TableBehind, TableError, UnsafeProperty
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_ours, open_table
from streaming_assets.lake.order import expect_bronze_complete
from streaming_assets.lake.positions import read_position
from streaming_assets.layers.undo import undo_foreign_writes
from streaming_assets.layers.verify import verify

N = Field(name="n", type=ScalarType.LONG)
PER_MINUTE = GoldTable(
    name="per_minute",
    description="Events by minute and kind.",
    sql="SELECT window_start, kind, count(*) AS n FROM silver GROUP BY window_start, kind",
    columns=(Field(name="window_start", type=ScalarType.TIMESTAMP), Field(name="kind", type=ScalarType.STRING), N),
    keys=("window_start", "kind"),
    window="1 minute",
)
PER_USER = GoldTable(
    name="per_user",
    description="Events by user.",
    sql="SELECT user, count(*) AS n FROM silver GROUP BY user",
    columns=(Field(name="user", type=ScalarType.STRING), N),
    keys=("user",),
    per="user",
)
TABLES = ("bronze", "silver", "quarantine", "gold/per_minute", "gold/per_user")
EACH_KIND = ("bronze", "silver", "gold/per_minute")


def events(number):
    """The records of a batch: two events of two minutes and users, one that came before, and one that does not fit."""
    fields = {"kind": "view", "user": f"u{number % 2}"}
    return [
        {**fields, "id": f"a{number}", "at": f"2026-03-01T11:{number:02}:00Z"},
        {**fields, "id": f"b{number}", "at": "2026-03-01T11:30:00Z"},
        {**fields, "id": "b0", "at": "2026-03-01T11:30:00Z"},
        {"id": f"c{number}"},
    ]


def refresh(lab):
    """Do what a refresh does after Bronze."""
    expect_bronze_complete(lab.source, lab.lake)
    lab.refine()
    for table in lab.source.gold:
        lab.aggregate(table.name)


@pytest.fixture(scope="module")
def filled(make_source, new_lab, tmp_path_factory):
    """A home with three batches in all tables."""
    lab = new_lab(make_source(gold=(PER_MINUTE, PER_USER)), tmp_path_factory.mktemp("filled"))
    for number in range(3):
        lab.bronze(*events(number))
        refresh(lab)
    lab.engine.close()
    return lab


@pytest.fixture
def lab(filled, make_lab, tmp_path):
    """A lab with a copy of the filled tables."""
    shutil.copytree(filled.settings.home, tmp_path / "home", dirs_exist_ok=True)
    return at_position(make_lab(filled.source, home=tmp_path / "home"))


def at_position(lab):
    """Let the next records come from where Bronze says."""
    bronze = open_table(lab.identity("bronze"), lab.lake)
    lab._next = dict(read_position(bronze).next_offsets) if bronze else {}
    return lab


def publish_rest(lab, upto):
    """Bring to Bronze what Kafka holds after Bronze's position, up to a batch of four records."""
    at_position(lab)
    expect_bronze_complete(lab.source, lab.lake)
    for number in range(lab._next.get(0, 0) // 4, upto):
        lab.bronze(*events(number))


def arrive(lab, upto=4):
    """Refresh all tables with the records that there are up to a batch."""
    publish_rest(lab, upto)
    refresh(lab)


def goes_on(lab, upto=4):
    """Bring in all records there are, and prove that all tables are right: every check holds and no row is missing."""
    arrive(lab, upto)
    assert [finding for finding in verify(lab.source, lab.engine) if not finding.passed] == []
    counts = [len(lab.rows(*table.split("/"))) for table in TABLES[:3]]
    assert counts == [4 * upto, 2 * upto, upto]


def refused(lab, kind, upto=4):
    """Refresh, and return the error that it ends in."""
    with pytest.raises(kind) as raised:
        arrive(lab, upto)
    error = raised.value
    assert type(error) is kind
    assert all((error.summary, error.found, error.expected, error.meaning, error.remedy))
    return error


def folder(lab, table):
    return lab.lake / "shop" / table


def log(lab, table):
    return folder(lab, table) / "_delta_log"


def newest(lab, table):
    return max(log(lab, table).glob("*.json"))


def files(lab, table):
    return sorted(file for file in folder(lab, table).rglob("*.parquet") if file.parent.name != "_delta_log")


def commands(error):
    """The commands that an error names, each in backticks."""
    return re.findall(r"`([^`]+)`", error.remedy)


def follow(lab, command):
    """Run a command that an error names: what is for the shell in a shell, a refresh of the lab by its parts."""
    for step in command.split(" && "):
        words = shlex.split(step)
        if words[:3] != ["streaming-assets", "refresh", "shop"]:
            subprocess.run(["/bin/sh", "-c", step], check=True)
        elif words[3:] == ["--undo-foreign-writes"]:
            assert list(undo_foreign_writes(lab.source, lab.lake))
        elif words[3:] == ["--rebuild", "silver"]:
            assert list(lab.engine.rebuild(lab.source))
        elif words[3:] == ["--rebuild", "gold"]:
            for table in lab.source.gold:
                lab.engine.aggregate(lab.source, table, rebuild=True)
        else:
            assert words[3:] == []


def truncate(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def unlink(file):
    file.unlink()


DAMAGES = pytest.mark.parametrize("damage", [truncate, unlink])


# Data files


@DAMAGES
@pytest.mark.parametrize("table", ["bronze", "quarantine"])
def test_a_file_that_no_new_row_needs_does_not_stop_a_refresh(lab, table, damage):
    """A refresh goes on past a damaged file that it does not need; `verify` names it."""
    for file in files(lab, table):
        damage(file)
    arrive(lab)
    with pytest.raises(FileDamaged, match=rf"file of table shop\.{table} is gone or damaged"):
        list(verify(lab.source, lab.engine))


@DAMAGES
@pytest.mark.parametrize("table", ["silver", "gold/per_minute", "gold/per_user"])
def test_a_damaged_file_is_named_and_the_table_made_anew(lab, table, damage):
    """A refresh that needs a damaged file says which one it is, and the command that it names makes the table anew."""
    for file in files(lab, table):
        damage(file)
    error = refused(lab, FileDamaged)
    assert error.summary == f"A data file of table shop.{table.replace('/', '.')} is gone or damaged."
    assert any(file.name in error.found for file in files(lab, table)) or damage is unlink
    back, anew = commands(error)
    assert back == "streaming-assets refresh shop"
    assert anew == f"streaming-assets refresh shop --rebuild {table.split('/')[0]}"
    follow(lab, anew)
    goes_on(lab)


@DAMAGES
def test_a_damaged_file_can_be_brought_back(lab, damage, tmp_path):
    """Where the files of a new Bronze batch come back from a backup, the refresh goes on as if nothing had been."""
    publish_rest(lab, 4)
    shutil.copytree(folder(lab, "bronze"), tmp_path / "backup")
    for file in files(lab, "bronze"):
        damage(file)
    error = refused(lab, FileDamaged)
    assert error.summary == "A data file of table shop.bronze is gone or damaged."
    assert "begin with what Kafka still holds" in error.remedy
    shutil.copytree(tmp_path / "backup", folder(lab, "bronze"), dirs_exist_ok=True)
    goes_on(lab)


@DAMAGES
def test_a_damaged_file_among_several_batches_is_named(lab, damage):
    """Where several batches wait, their files are measured first; a damaged one is named then, too."""
    before = set(files(lab, "bronze"))
    publish_rest(lab, 5)
    last = max(set(files(lab, "bronze")) - before, key=lambda file: file.stat().st_mtime)
    damage(last)
    error = refused(lab, FileDamaged, 5)
    assert error.summary == "A data file of table shop.bronze is gone or damaged."
    assert last.name in error.found


def test_bronze_can_begin_anew(lab):
    """Where Bronze's own new file is gone for good, the tables are kept aside and read anew from Kafka."""
    publish_rest(lab, 4)
    for file in files(lab, "bronze"):
        file.unlink()
    *_, anew = commands(refused(lab, FileDamaged))
    follow(lab, anew)
    assert (lab.lake / "shop.before" / "silver").is_dir()
    goes_on(lab)
    publish_rest(lab, 5)
    for file in files(lab, "bronze"):
        file.unlink()
    *_, anew = commands(refused(lab, FileDamaged, 5))
    follow(lab, anew)
    assert sorted(path.name for path in lab.lake.iterdir()) == ["shop.before", "shop.before-2"]
    goes_on(lab, 5)


# Log entries


def empty(file):
    file.write_bytes(b"")


def garbage(file):
    file.write_bytes(b"\x00\xff garbage")


@pytest.mark.parametrize(("table", "damage"), [*((table, truncate) for table in TABLES), ("silver", garbage)])
def test_a_half_written_commit_is_put_aside(lab, table, damage):
    """A newest commit that is no JSON stops the refresh; put aside, it is as if it had not been made."""
    damage(newest(lab, table))
    error = refused(lab, LogDamaged)
    assert error.summary == f"The log of table shop.{table.replace('/', '.')} is damaged."
    assert error.found == "a log entry that is no JSON: version 3"
    follow(lab, *commands(error))
    lost_newest(lab, table)


@pytest.mark.parametrize(("table", "damage"), [*((table, empty) for table in TABLES), ("bronze", unlink)])
def test_a_lost_newest_commit_is_noticed_or_made_again(lab, table, damage):
    """A newest commit that is empty or gone is made again, or noticed where later tables contain what it brought."""
    damage(newest(lab, table))
    lost_newest(lab, table)


def lost_newest(lab, table):
    """Prove that a table without its newest commit comes right: by itself, or by the way out that is named."""
    if table in ("bronze", "quarantine"):
        error = refused(lab, TableBehind)
        assert "has lost commits" in error.summary
        assert ("batch 2 in shop.bronze, batch 3 in shop.silver" if table == "bronze" else "batch 2") == error.found
        follow(lab, commands(error)[-1])
    goes_on(lab)


@pytest.mark.parametrize("content", [b"", b'{"commitInfo": {}}\n'])
@pytest.mark.parametrize("table", ["bronze", "gold/per_user"])
def test_a_commit_that_changes_nothing_is_passed_over(lab, table, content):
    """An empty commit that somebody left on top changes nothing."""
    (log(lab, table) / f"{4:020}.json").write_bytes(content)
    goes_on(lab)


@pytest.mark.parametrize(("table", "version"), [*((table, 1) for table in TABLES), ("bronze", 0)])
def test_a_missing_log_entry_is_named(lab, table, version):
    """A log that lacks an entry in the middle can't tell its rows any more; the table is made anew."""
    (log(lab, table) / f"{version:020}.json").unlink()
    error = refused(lab, LogDamaged)
    assert error.found == f"no log entry of version {version}"
    (anew,) = commands(error)
    follow(lab, anew)
    goes_on(lab)


def checkpoint(lab, table):
    """Make a checkpoint and return its file."""
    DeltaTable(folder(lab, table)).create_checkpoint()
    return max(log(lab, table).glob("*.checkpoint.parquet"))


@DAMAGES
@pytest.mark.parametrize("table", EACH_KIND)
def test_a_damaged_checkpoint_is_put_aside(lab, table, damage):
    """A checkpoint that is gone or damaged is put aside: the entries before it have what it had."""
    damage(checkpoint(lab, table))
    error = refused(lab, LogDamaged)
    assert "a checkpoint that can't be read, or is gone" in error.found
    assert error.meaning.startswith("nothing is lost")
    follow(lab, *commands(error))
    goes_on(lab)


@pytest.mark.parametrize("table", EACH_KIND)
def test_a_damaged_checkpoint_over_a_cleaned_log_is_told(lab, table):
    """Where the entries before a lost checkpoint are gone, too, the table is made anew."""
    checkpoint(lab, table).unlink()
    for entry in log(lab, table).glob("*.json"):
        entry.unlink()
    error = refused(lab, LogDamaged)
    assert error.meaning.startswith("what came before the checkpoint is nowhere else")
    (anew,) = commands(error)
    follow(lab, anew)
    goes_on(lab)


@pytest.mark.parametrize("table", EACH_KIND)
def test_a_corrupt_hint_of_the_last_checkpoint_is_passed_over(lab, table):
    """`_last_checkpoint` is a hint: one that can't be read stops nothing."""
    checkpoint(lab, table)
    (log(lab, table) / "_last_checkpoint").write_text("{garbage")
    goes_on(lab)


@pytest.mark.parametrize("table", EACH_KIND)
def test_a_checkpoint_without_its_log_entry_is_told(lab, table):
    """Where the newest version's entry is gone and its checkpoint is there, an empty entry lets the table go on."""
    checkpoint(lab, table)
    for entry in log(lab, table).glob("*.json"):
        entry.unlink()
    error = refused(lab, LogDamaged)
    assert error.found == "no log entry of version 3, the newest; its checkpoint is there"
    follow(lab, *commands(error))
    goes_on(lab)


@pytest.mark.parametrize("table", TABLES)
def test_a_log_that_is_gone_is_noticed_or_made_again(lab, table):
    """A table without a log is made again from the one before it; Bronze's is missed by the later tables."""
    for entry in log(lab, table).iterdir():
        entry.unlink()
    if table == "bronze":
        error = refused(lab, TableBehind)
        assert error.found == "no such table in shop.bronze, batch 3 in shop.silver"
        follow(lab, commands(error)[-1])
    elif table == "quarantine":
        follow(lab, commands(refused(lab, TableBehind))[-1])
    goes_on(lab)


def test_a_lost_commit_of_silver_is_noticed_by_gold(lab):
    """A Gold table that contains more than Silver does is not computed from it; a whole refresh brings Silver back."""
    newest(lab, "silver").unlink()
    with pytest.raises(TableBehind) as raised:
        lab.aggregate("per_minute")
    assert raised.value.found == "batch 2 in shop.silver, batch 3 in shop.gold.per_minute"
    assert commands(raised.value)[0] == "streaming-assets refresh shop"
    goes_on(lab)


# Other writers


def app_id(table):
    layer, *name = table.split("/")
    return TableId("shop", layer, *name).app_id


def write(path, rows, table, **how):
    batch = how.pop("batch", None)
    properties = CommitProperties(app_transactions=[Transaction(app_id(table), batch)]) if batch is not None else None
    write_deltalake(path, rows, commit_properties=properties, **how)


FOREIGN = {
    "append": lambda path, rows, table: write(path, rows, table, mode="append"),
    "overwrite": lambda path, rows, table: write(path, rows, table, mode="overwrite"),
    "delete": lambda path, _rows, _table: DeltaTable(path).delete(),
    "a lower batch": lambda path, rows, table: write(path, rows, table, mode="append", batch=1),
    "a higher batch": lambda path, rows, table: write(path, rows, table, mode="append", batch=99),
    "a batch alone": lambda path, rows, table: write(path, rows.slice(0, 0), table, mode="append", batch=99),
    "a new column": lambda path, rows, table: write(
        path, rows.append_column("extra", pa.array([1])), table, mode="append", schema_mode="merge"
    ),
    "other columns": lambda path, rows, table: write(
        path, rows.drop_columns(rows.schema.names[-1:]), table, mode="overwrite", schema_mode="overwrite"
    ),
    "a restore": lambda path, _rows, _table: DeltaTable(path).restore(1),
}


def disturb(lab, table, what):
    """Let somebody else write to a table."""
    path = str(folder(lab, table))
    FOREIGN[what](path, DeltaTable(path).to_pyarrow_table().slice(0, 1), table)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        *(("bronze", what) for what in FOREIGN if what != "other columns"),
        *(("gold/per_minute", what) for what in FOREIGN),
        *((table, what) for table in ("silver", "quarantine", "gold/per_user") for what in ("append", "delete")),
    ],
)
def test_another_writers_commit_is_noticed_and_taken_back(lab, table, what):
    """Rows or a batch that somebody else changed stop the refresh, and are taken back by the command it names."""
    disturb(lab, table, what)
    error = refused(lab, ForeignWrite)
    assert error.summary == f"Another writer changed table shop.{table.replace('/', '.')}."
    assert error.found.startswith("version 4 (")
    assert ("the batch, to" in error.found) == ("batch" in what)
    assert commands(error)[0] == "streaming-assets refresh shop --undo-foreign-writes"
    follow(lab, commands(error)[0])
    goes_on(lab)


@pytest.mark.parametrize("table", TABLES[1:])
@pytest.mark.parametrize("what", ["delete", "a higher batch"])
def test_a_table_that_another_writer_changed_can_be_made_anew(lab, table, what):
    """The other way out computes the table again from Bronze."""
    disturb(lab, table, what)
    _, anew = commands(refused(lab, ForeignWrite))
    follow(lab, anew)
    goes_on(lab)


def test_bronze_that_another_writer_changed_can_be_kept_aside(lab):
    """Bronze's other way out keeps the tables aside and reads Kafka anew."""
    disturb(lab, "bronze", "delete")
    _, anew = commands(refused(lab, ForeignWrite))
    follow(lab, anew)
    goes_on(lab)


def test_several_foreign_commits_are_told_and_taken_back_together(lab):
    """Of many commits the newest are told; all are taken back."""
    for _ in range(5):
        disturb(lab, "silver", "append")
        DeltaTable(folder(lab, "silver")).optimize.compact()
    error = refused(lab, ForeignWrite)
    assert re.findall(r"version (\d+)", error.found) == ["12", "10", "8"]
    assert error.found.endswith("and 2 more")
    follow(lab, commands(error)[0])
    goes_on(lab)


@pytest.mark.parametrize("table", TABLES)
def test_maintenance_by_others_is_welcome(lab, table):
    """Compaction, vacuum, checkpoints and harmless properties set by others stop nothing."""
    delta = DeltaTable(folder(lab, table))
    delta.optimize.compact()
    delta.optimize.z_order(["offset" if "offset" in delta.schema().to_arrow().names else "n"])
    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    delta.create_checkpoint()
    delta.alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 2 days"})
    goes_on(lab)
    assert undo_nothing(lab)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_compacted_by_others_is_maintained(lab, table):
    """A compaction by somebody else keeps our maintenance from nothing, and what that replaced is deleted."""
    assert len(files(lab, table)) > 1
    DeltaTable(folder(lab, table)).optimize.compact()
    lab.maintain(*table.split("/"))
    assert len(files(lab, table)) == 1
    goes_on(lab)


@pytest.mark.parametrize("table", TABLES)
def test_maintenance_leaves_a_table_that_others_changed_alone(lab, table):
    """Until it is settled, nothing is deleted that taking a foreign write back needs; then maintenance goes on."""
    disturb(lab, table, "delete")
    before = sorted(folder(lab, table).rglob("*"))
    with pytest.raises(ForeignWrite) as raised:
        lab.maintain(*table.split("/"))
    assert sorted(folder(lab, table).rglob("*")) == before
    follow(lab, commands(raised.value)[0])
    lab.maintain(*table.split("/"))
    goes_on(lab)


def vacuum(delta):
    """Delete the files that the newest version does not need."""
    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)


def shorten(delta):
    """Delete the log before the newest version, of which there is a checkpoint."""
    log = Path(delta.table_uri.removeprefix("file://")) / "_delta_log"
    delta.create_checkpoint()
    for entry in log.glob("*.json"):
        if int(entry.stem) < delta.version():
            entry.unlink()


@pytest.mark.parametrize("gone", [vacuum, shorten])
@pytest.mark.parametrize("table", TABLES)
def test_what_cannot_be_taken_back_is_not_offered(lab, table, gone):
    """Where files or log from before are gone, the error and the undo both say so, and name the other way out."""
    disturb(lab, table, "delete")
    gone(DeltaTable(folder(lab, table)))
    error = refused(lab, ForeignWrite)
    assert "it can't be taken back" in error.meaning
    with pytest.raises(ForeignWrite) as raised:
        list(undo_foreign_writes(lab.source, lab.lake))
    assert raised.value.remedy == error.remedy
    (anew,) = commands(error)
    assert ("--rebuild" in anew) == (table != "bronze")
    follow(lab, anew)
    goes_on(lab)


def undo_nothing(lab):
    return list(undo_foreign_writes(lab.source, lab.lake)) == []


def test_commits_of_another_engine_of_ours_are_ours(lab):
    """A commit with our txn and metadata is ours, whoever wrote it: Spark's says `readVersion` and no `checked`."""
    silver = DeltaTable(folder(lab, "silver"))
    rows = silver.to_pyarrow_table().slice(0, 0)
    properties = CommitProperties(
        app_transactions=[Transaction(app_id("silver"), 4, 1_700_000_000_000)],
        custom_metadata={"userMetadata": json.dumps({"batch": 4, "records": 0}), "readVersion": 3},
    )
    write_deltalake(silver, rows, mode="append", commit_properties=properties)
    opened = open_ours(lab.identity("silver"), lab.lake)
    assert (opened.batch, opened.version) == (4, 4)


def test_a_foreign_commit_below_one_of_ours_is_found(lab):
    """A commit that slips in while ours is being made is found at the next opening, below ours."""
    ours = open_ours(lab.identity("silver"), lab.lake)
    looked = ours._look_again
    ours._look_again = lambda: (looked(), disturb(lab, "silver", "append"))
    ours.append(ours.arrow_schema().empty_table(), batch=4, metadata={})
    with pytest.raises(ForeignWrite) as raised:
        open_ours(lab.identity("silver"), lab.lake)
    assert raised.value.found.startswith("version 4 (WRITE")
    assert commands(raised.value) == ["streaming-assets refresh shop --rebuild silver"]
    with pytest.raises(ForeignWrite):
        list(undo_foreign_writes(lab.source, lab.lake))


def test_a_writer_in_mid_refresh_is_found_before_the_next_commit(lab):
    """A handle that makes several commits looks at what came between them, and adds nothing on top."""
    ours = open_ours(lab.identity("bronze"), lab.lake)
    ours.append(ours.arrow_schema().empty_table(), batch=4, metadata={})
    disturb(lab, "bronze", "append")
    with pytest.raises(ForeignWrite):
        ours.append(ours.arrow_schema().empty_table(), batch=5, metadata={})
    assert (newest(lab, "bronze").stem, open_table(lab.identity("bronze"), lab.lake).batch) == (f"{5:020}", 4)


def test_maintenance_in_mid_refresh_is_passed_over(lab):
    """A handle goes on after a compaction that came between its commits."""
    ours = open_ours(lab.identity("bronze"), lab.lake)
    DeltaTable(folder(lab, "bronze")).optimize.compact()
    ours.append(ours.arrow_schema().empty_table(), batch=4, metadata={})
    assert open_ours(lab.identity("bronze"), lab.lake).batch == 4


def test_only_the_newest_log_entries_are_read(lab):
    """Entries that were looked at before are not read again: not even a damaged one stops a look."""
    ours = open_ours(lab.identity("bronze"), lab.lake)
    for entry in list(log(lab, "bronze").glob("*.json"))[:-1]:
        if entry != newest(lab, "bronze"):
            entry.write_text("no JSON")
    assert ours.look().own.batch == 3


# Properties


@pytest.mark.parametrize("table", EACH_KIND)
def test_a_property_that_expires_batches_is_refused(lab, table):
    """A property that would let the batch expire stops the refresh; the error names it and how to unset it."""
    name = "delta.setTransactionRetentionDuration"
    DeltaTable(folder(lab, table)).alter.set_table_properties({name: "interval 1 days"})
    error = refused(lab, UnsafeProperty)
    assert error.found == f"{name} = interval 1 days"
    assert f"UNSET TBLPROPERTIES ('{name}')` in Spark" in error.remedy
    follow(lab, commands(error)[-1])
    assert name not in DeltaTable(folder(lab, table)).metadata().configuration
    goes_on(lab)


@pytest.mark.parametrize("table", ["gold/per_minute", "gold/per_user"])
def test_an_append_only_gold_table_is_refused(lab, table):
    """A Gold table whose rows can't be replaced stops its refresh; the error's command lets it go on."""
    DeltaTable(folder(lab, table)).alter.set_table_properties({"delta.appendOnly": "true"})
    error = refused(lab, UnsafeProperty)
    assert error.found == "delta.appendOnly = true"
    allow, _ = commands(error)
    follow(lab, allow.replace("python", ".venv/bin/python", 1) if Path(".venv/bin/python").exists() else allow)
    goes_on(lab)


@pytest.mark.parametrize("table", ["bronze", "silver"])
def test_other_tables_may_be_append_only(lab, table):
    """Tables that are only added to may be append-only."""
    DeltaTable(folder(lab, table)).alter.set_table_properties({"delta.appendOnly": "true"})
    goes_on(lab)


@pytest.mark.parametrize("table", EACH_KIND)
def test_a_log_that_forgets_at_once_loses_nothing(lab, table):
    """However short the log's retention: batch and position are right after entries have been cleaned up."""
    DeltaTable(folder(lab, table)).alter.set_table_properties(
        {"delta.logRetentionDuration": "interval 0 seconds", "delta.checkpointInterval": "1"}
    )
    before = open_table(lab.identity(*table.split("/")), lab.lake).batch
    DeltaTable(folder(lab, table)).create_checkpoint()
    DeltaTable(folder(lab, table)).cleanup_metadata()
    opened = open_table(lab.identity(*table.split("/")), lab.lake)
    assert (opened.batch, before) == (3, 3)
    assert len(list(log(lab, table).glob("*.json"))) < 4
    if table == "bronze":
        assert read_position(opened).next_offsets == {0: 12}
    goes_on(lab)
    goes_on(lab, 5)


# Columns


def replaced_field(lab, table, change):
    """Commit another schema, as `ALTER TABLE` does it."""
    version = int(newest(lab, table).stem)
    actions = [json.loads(line) for entry in sorted(log(lab, table).glob("*.json"))
               for line in entry.read_text().splitlines()]  # fmt: skip
    metadata = [action for action in actions if "metaData" in action][-1]
    schema = json.loads(metadata["metaData"]["schemaString"])
    change(schema["fields"])
    metadata["metaData"]["schemaString"] = json.dumps(schema)
    lines = [{"commitInfo": {"operation": "ALTER TABLE"}}, metadata]
    (log(lab, table) / f"{version + 1:020}.json").write_text("\n".join(map(json.dumps, lines)))


def add(fields):
    fields.append({"name": "extra", "type": "long", "nullable": True, "metadata": {}})


def drop(fields):
    fields.pop(0)


def rename(fields):
    fields[0]["name"] = "renamed"


def widen(fields):
    field = next(field for field in fields if field["type"] in ("integer", "long"))
    field["type"] = {"integer": "long", "long": "double"}[field["type"]]


@pytest.mark.parametrize("table", EACH_KIND)
@pytest.mark.parametrize("change", [add, drop, rename, widen])
def test_changed_columns_are_told(lab, table, change):
    """A column that somebody added, dropped, renamed or widened stops the refresh; undone, it goes on."""
    replaced_field(lab, table, change)
    error = refused(lab, TableError)
    assert f"shop.{table.replace('/', '.')}" in error.summary
    newest(lab, table).unlink()
    goes_on(lab)


@pytest.mark.parametrize("table", ["bronze", "gold/per_user"])
@pytest.mark.parametrize("feature", ["deletionVectors", "typeWidening"])
def test_features_that_change_how_files_are_read_are_refused(lab, table, feature):
    """A table whose files can't be read as they lie stops the refresh; with the feature dropped, it goes on."""
    version = int(newest(lab, table).stem) + 1
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [feature], "writerFeatures": [feature]}
    entry = log(lab, table) / f"{version:020}.json"
    entry.write_text("\n".join(map(json.dumps, [{"commitInfo": {"operation": "SET TBLPROPERTIES"}},
                                                {"protocol": protocol}])))  # fmt: skip
    error = refused(lab, TableError)
    assert error.found == feature
    dropped = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    (log(lab, table) / f"{version + 1:020}.json").write_text(
        "\n".join(map(json.dumps, [{"commitInfo": {"operation": "DROP FEATURE"}}, dropped]))
    )
    goes_on(lab)
