"""What a job makes of what it is told and of its secrets."""

from __future__ import annotations

import pytest

pytest.importorskip("databricks.sdk", reason="engine `databricks` is not installed")

from streaming_assets.databricks.secret_settings import NAMES
from streaming_assets.defs.databricks.request import Request, job_settings
from streaming_assets.defs.steps import Step

GIVEN = {"databricks_volume": "/Volumes/a/b/c", "kafka_bootstrap_servers": "k:9092"}


def settings_of(given, secrets, home):
    """Return the settings of a job."""
    return job_settings(Request("shop", Step(kind="refresh"), {**GIVEN, **given}, {}), secrets, home)


def test_a_scope_can_hold_the_whole_login(tmp_path):
    """User and password are both names of a scope, so that a job which Dagster did not launch can log in to Kafka."""
    secrets = {"kafka_sasl_username": "reader", "kafka_sasl_password": "hunter2"}
    assert secrets.keys() <= set(NAMES)
    settings = settings_of({}, secrets, tmp_path)
    assert (settings.kafka_sasl_username, settings.kafka_sasl_password.get_secret_value()) == ("reader", "hunter2")


def test_the_scope_wins(tmp_path):
    """A user that stands in the scope is the one of the password beside it, whatever the job was sent."""
    secrets = {"kafka_sasl_username": "reader", "kafka_sasl_password": "hunter2"}
    assert settings_of({"kafka_sasl_username": "other"}, secrets, tmp_path).kafka_sasl_username == "reader"
    assert (
        settings_of({"kafka_sasl_username": "other"}, {"kafka_sasl_password": "x"}, tmp_path).kafka_sasl_username
        == "other"
    )
