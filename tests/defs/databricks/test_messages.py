"""What a job reports arrives as it was reported, whether Pipes has a message for it or not."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager

import dagster as dg
import pytest
from dagster_pipes import PipesContext, PipesContextLoader, PipesMappingParamsLoader, PipesMessageWriter, encode_param
from dagster_pipes import PipesStreamMessageWriterChannel as Channel

from streaming_assets.defs.databricks.messages import Received, send, send_done, send_error
from streaming_assets.errors import BrokerError, Fault, SettingsError, StreamingAssetsError, TableBusy

KEY = dg.AssetKey(["shop", "gold", "sales"])
NAME = "shop/gold/sales"


class Loader(PipesContextLoader):
    """A context of one asset."""

    @contextmanager
    def load_context(self, _params):
        yield {"asset_keys": [NAME], "extras": {}}


class Writer(PipesMessageWriter):
    """Writes messages into memory."""

    def __init__(self):
        self.stream = io.StringIO()

    @contextmanager
    def open(self, _params):
        yield Channel(self.stream)


@pytest.fixture
def wire():
    """A pipe whose messages are kept: (what sends, what returns those of a kind)."""
    writer = Writer()
    empty = encode_param({})
    loader = PipesMappingParamsLoader({"DAGSTER_PIPES_CONTEXT": empty, "DAGSTER_PIPES_MESSAGES": empty})
    with PipesContext(loader, Loader(), writer) as pipes:

        def sent(method: str) -> list[dict[str, object]]:
            messages = [json.loads(line) for line in writer.stream.getvalue().splitlines()]
            return [each["params"] for each in messages if each["method"] == method]

        yield pipes, sent


def test_a_materialization_keeps_its_tags(wire):
    """The version of the definition is a tag, which Pipes' own message does not carry."""
    pipes, sent = wire
    table = dg.MetadataValue.table([dg.TableRecord({"reason": "r", "records": 2})])
    report = dg.MaterializeResult(
        asset_key=KEY,
        metadata={"rows": 3, "share": 0.5, "note": "n", "position": dg.MetadataValue.json({"0": 1}), "reasons": table},
        data_version=dg.DataVersion("4.1"),
        tags={"dagster/code_version": "abc"},
    )
    send(pipes, report)
    (message,) = sent("report_asset_materialization")
    assert (message["asset_key"], message["data_version"]) == (NAME, "4.1")
    assert {name: value["type"] for name, value in message["metadata"].items()} == {
        "rows": "int",
        "share": "float",
        "note": "text",
        "position": "json",
        "reasons": "table",
    }
    assert message["metadata"]["reasons"]["raw_value"]["records"] == [{"reason": "r", "records": 2}]
    payloads = [each["payload"] for each in sent("report_custom_message")]
    (back,) = Received([dg.MaterializeResult(asset_key=KEY)], payloads).reports()
    assert back.tags == {"dagster/code_version": "abc"}


def test_a_check_keeps_its_text(wire):
    """What a check found, in words, arrives beside whether it passed and how bad it is."""
    pipes, sent = wire
    check = dg.AssetCheckResult(
        asset_key=KEY, check_name="c", passed=False, severity=dg.AssetCheckSeverity.WARN, description="2 of 3"
    )
    send(pipes, check)
    (message,) = sent("report_asset_check")
    assert (message["passed"], message["severity"]) == (False, "WARN")
    payloads = [each["payload"] for each in sent("report_custom_message")]
    (back,) = Received([check._replace(description=None)], payloads).reports()
    assert back == check


def test_an_observation_arrives(wire):
    """An observation, which Pipes does not know, arrives with its asset, text and numbers."""
    pipes, sent = wire
    send(pipes, dg.AssetObservation(dg.AssetKey(["shop", "topic"]), description="d", metadata={"lag": 5}))
    (back,) = Received([], [each["payload"] for each in sent("report_custom_message")]).reports()
    assert (back.asset_key, back.description) == (dg.AssetKey(["shop", "topic"]), "d")
    assert back.metadata["lag"].value == 5


@pytest.mark.parametrize("error", [BrokerError("b", found="f", remedy="r"), TableBusy("t", meaning="m")])
def test_an_error_keeps_kind_and_parts(wire, error):
    """An error arrives as one of its kind, so that what may pass by itself is tried again here as well."""
    pipes, sent = wire
    send_error(pipes, error)
    received = Received([], [each["payload"] for each in sent("report_custom_message")])
    assert (type(received.error), str(received.error), received.done) == (type(error), str(error), False)


def test_an_error_made_of_faults_keeps_its_text(wire):
    """An error that is made of more than its parts arrives with its whole text."""
    pipes, sent = wire
    error = SettingsError([Fault("HOME", "nothing", "a folder")])
    send_error(pipes, error)
    back = Received([], [each["payload"] for each in sent("report_custom_message")]).error
    assert (type(back), str(back)) == (StreamingAssetsError, str(error))


def test_the_end_is_told(wire):
    """A step that is done says so last."""
    pipes, sent = wire
    send_done(pipes)
    received = Received([], [each["payload"] for each in sent("report_custom_message")])
    assert (received.done, received.error) == (True, None)
