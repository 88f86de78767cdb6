"""What a workspace refuses is told as such, and what is a fault of this framework is not."""

from __future__ import annotations

import pytest

from streaming_assets.errors import WorkspaceRefused

workspace = pytest.importorskip("streaming_assets.databricks.workspace", exc_type=ImportError)


@pytest.fixture
def client(monkeypatch, tmp_path):
    """A client of a workspace that does not answer; nothing is sent before something is asked."""
    profiles = tmp_path / "profiles"
    profiles.write_text("[DEFAULT]\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-a-person")
    return workspace.open_workspace()


def test_a_fault_of_ours_stays_one(client):
    """A ValueError that the SDK has no part in passes as it is, with its stack."""
    with pytest.raises(ValueError, match="a fault of ours"), workspace.refusals_told(client, "launch"):
        raise ValueError("a fault of ours")


def test_what_the_sdk_finds_wrong_is_told(client):
    """A ValueError of the SDK's own, as where a login is refused, is told as a refusal."""
    from databricks.sdk.core import Config  # noqa: PLC0415 - only where it is installed

    with pytest.raises(WorkspaceRefused) as caught, workspace.refusals_told(client, "log in"):
        Config(profile="nobodys")
    assert "could not log in" in str(caught.value)
    assert "nobodys" in str(caught.value)
