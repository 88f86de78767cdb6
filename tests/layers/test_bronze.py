"""What happened to a topic, with the ways out."""

from __future__ import annotations

import pytest

from streaming_assets import errors
from streaming_assets.errors import TopicChanged
from streaming_assets.layers.bronze import naming_ways_out
from streaming_assets.registry import load_sources

PARTS = {"found": "topic id b", "expected": "topic id a", "meaning": "what Bronze has is untouched"}


@pytest.fixture
def source():
    """A source."""
    return load_sources().get("github_events")


@pytest.mark.parametrize("kind", TopicChanged.__subclasses__())
def test_every_kind_has_a_way_out(source, tmp_path, kind):
    """Whatever kind of change of a topic is noticed, a refresh raises that kind with its parts and a command."""
    with pytest.raises(kind) as caught, naming_ways_out(source, tmp_path):
        raise kind("It happened.", **PARTS)
    error = caught.value
    assert (type(error), error.summary) == (kind, "It happened.")
    assert {name: getattr(error, name) for name in PARTS} == PARTS
    assert "`streaming-assets refresh github_events" in error.remedy


def test_a_kind_without_a_way_out_is_a_fault(source, tmp_path):
    """A kind of error that nobody wrote a way out for does not get that of another kind."""
    with pytest.raises(KeyError, match="TopicChanged"), naming_ways_out(source, tmp_path):
        raise TopicChanged("It happened.")


def test_other_errors_pass(source, tmp_path):
    """What is not about the topic stays as it is."""
    error = errors.BrokerError("Kafka is away.")
    with pytest.raises(errors.BrokerError) as caught, naming_ways_out(source, tmp_path):
        raise error
    assert caught.value is error
