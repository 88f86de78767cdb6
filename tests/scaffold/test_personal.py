"""Values that may be personal data are found by their names, or by what they are."""

from __future__ import annotations

import pytest

from streaming_assets.scaffold.definition import define
from streaming_assets.scaffold.proposal import Choices, propose
from streaming_assets.scaffold.writing import write_package

AT = "2026-03-01T11:00:00Z"


def personal(**fields):
    proposal = propose([{"at": AT, "kind": "k", **fields}], Choices())
    return [leaf.path for leaf in proposal.personal]


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"userId": "u1"}, "userId"),
        ({"user": {"id": 7}}, "user.id"),
        ({"client": {"IP": "?"}}, "client.IP"),
        ({"contact_email": "?"}, "contact_email"),
        ({"phoneNumber": "?"}, "phoneNumber"),
        ({"firstName": "ada"}, "firstName"),
        ({"actor": {"login": "ada"}}, "actor.login"),
        ({"contact": "ada@example.org"}, "contact"),
        ({"src": "2001:db8::1"}, "src"),
        ({"from": "10.0.0.7"}, "from"),
        ({"call": "+49 30 1234567"}, "call"),
    ],
)
def test_names_and_values_tell(record, path):
    """A name of a person's data is enough, and so is a value that is an address or a number of one."""
    assert personal(**record) == [path]


@pytest.mark.parametrize(
    "record",
    [{"video_id": "v1"}, {"ship": "x"}, {"name": "x"}, {"user_seen": AT}, {"is_user_id": True}, {"id": 7}, {"n": 12}],
)
def test_other_data_is_left_in_peace(record):
    """Ids of things, times and yes or no are nobody's."""
    assert personal(**record) == []


def test_the_schema_suggests_what_can_be_hashed(tmp_path):
    """The suggestion names text that is not the id, and stands in a comment: nothing is hashed unasked."""
    record = {"at": AT, "kind": "k", "user_id": 7, "user": {"email": "ada@example.org"}, "email": "ada@example.org"}
    source = define("people", "people", propose([record], Choices(event_id="email")))
    schema = write_package(source, [record], tmp_path / "people")[0].read_text()
    comments = [line for line in schema.splitlines() if line.startswith("#")]
    given = 'pseudonymous=("user.email",)'
    assert comments == [
        f"# May be personal data. To have it leave Bronze as keyed hashes only, give SCHEMA {given}",
        "# May be personal data that can't be hashed, as it is no text or the id: user_id, email.",
    ]
    assert source.definition.schema.pseudonymous == ()
