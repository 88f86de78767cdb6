"""`verify` between the two commits in which a rebuild replaces Silver and quarantine."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from streaming_assets import faults
from streaming_assets.layers.verify import verify

NOT_COMPARED = {
    ("silver", "reconciled"),
    ("silver", "event_id_unique"),
    ("silver", "equals_recompute"),
    ("quarantine", "equals_recompute"),
}
FITS_NOW = "SELECT kind, user, coalesce(amount, 0) AS amount FROM events"


@pytest.fixture
def torn(make_lab, make_source, monkeypatch):
    """A lab whose Silver was made anew by a rebuild that then ended: one record is in both tables."""
    made = make_source()
    strict = make_source(tuple(replace(field, required=True) for field in made.schema.fields))
    lab = make_lab(strict)
    lab.bronze({"id": "e", "at": "2026-03-01T11:00:00Z", "kind": "a"})
    lab.refine()
    lab.source = replace(made, silver=replace(made.silver, sql=FITS_NOW))
    faults._armed.cache_clear()  # hits are counted from here on
    monkeypatch.setenv("STREAMING_ASSETS_FAULT", "rebuild.swapped=raise")
    with pytest.raises(faults.FaultRaised):
        list(lab.engine.rebuild(lab.source))
    monkeypatch.delenv("STREAMING_ASSETS_FAULT")
    assert (len(lab.rows("silver")), len(lab.rows("quarantine"))) == (1, 1)
    return lab


def failed(lab):
    return [finding for finding in verify(lab.source, lab.engine) if not finding.passed]


def test_an_unfinished_rebuild_is_told_instead_of_breaches(torn):
    """No record is called lost or doubled: each check of the two tables fails with the command that finishes it."""
    found = failed(torn)
    assert {(finding.table, finding.check) for finding in found} == NOT_COMPARED
    assert {finding.found for finding in found} == {
        "not compared: a rebuild is unfinished (generation 1 of silver, 0 of quarantine)"
    }
    (note,) = {note for finding in found for note in finding.notes}
    assert note == "nothing is lost, as bronze has all records; `streaming-assets refresh shop` finishes the rebuild"


def test_the_command_that_is_named_finishes_it(torn):
    """After the refresh that `verify` names, everything holds."""
    torn.refine()
    assert failed(torn) == []
    assert (len(torn.rows("silver")), len(torn.rows("quarantine"))) == (1, 0)


def test_without_what_was_staged_another_rebuild_is_named(torn):
    """Where a refresh could not finish the rebuild, the command is the one that makes both tables anew."""
    shutil.rmtree(torn.lake / "shop" / "_rebuild")
    (note,) = {note for finding in failed(torn) for note in finding.notes}
    assert "`streaming-assets refresh shop --rebuild silver` finishes" in note
    list(torn.engine.rebuild(torn.source))
    assert failed(torn) == []
