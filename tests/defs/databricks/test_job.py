"""What a job refuses before it starts its work."""

from __future__ import annotations

import pytest

from streaming_assets.defs.databricks.job import expect_part
from streaming_assets.defs.steps import Step
from streaming_assets.errors import UnknownPart


@pytest.fixture
def source(registry):
    """The source `user_interactions`."""
    return registry.sources["user_interactions"]


@pytest.mark.parametrize("kind", ["gold", "verify"])
@pytest.mark.parametrize("table", ["of_a_newer_version", None])
def test_what_the_plugin_of_a_job_lacks_is_told(source, kind, table):
    """A table that the job's version of the plugin does not have, or none at all, is named with those that it has."""
    with pytest.raises(UnknownPart, match="The job's plugin has no ") as raised:
        expect_part(source, Step(kind=kind, table=table))
    assert repr(table) in str(raised.value)
    assert ("user_sessions" in raised.value.expected, "rows" in raised.value.expected) == (True, kind == "verify")


def test_what_a_plugin_has_is_known(source):
    """Tables and groups of checks that there are pass, as do steps that are about no part of a source."""
    known = [("gold", "user_sessions"), ("verify", "rows"), ("verify", "counts"), ("refresh", None), ("bronze", None)]
    assert [expect_part(source, Step(kind=kind, table=table)) for kind, table in known] == [None] * 5
