"""Settings from the environment, a `.env` and overrides."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from streaming_assets.errors import SettingsError
from streaming_assets.settings import PREFIX, SECRETS, Settings, load_settings, source_options, unknown_variables


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory without a `.env`, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return tmp_path


def test_nothing_has_to_be_set(here):
    """Every setting has a default, and all state lies in a folder of the working directory."""
    settings = load_settings()
    assert settings.home == here / ".streaming_assets"
    assert settings.lake_path == settings.home / "lake"
    assert settings.lake_path == settings.home / "lake"
    assert (settings.kafka_bootstrap_servers, settings.pseudonym_key, settings.kafka_config) == (None, None, {})
    assert settings.freshness == timedelta(hours=1)


def test_every_setting_is_described():
    """Each setting says what it means."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_environment_is_read(monkeypatch):
    """A variable is a setting's name in capitals after the prefix, in any case."""
    monkeypatch.setenv("STREAMING_ASSETS_BATCH_RECORDS", "7")
    monkeypatch.setenv("streaming_assets_threads", "3")
    monkeypatch.setenv("STREAMING_ASSETS_DISABLED_PLUGINS", " a, b,,c ")
    monkeypatch.setenv("STREAMING_ASSETS_KAFKA_CONFIG", '{"client.id": "x"}')
    settings = load_settings()
    assert (settings.batch_records, settings.threads) == (7, 3)
    assert settings.disabled_plugins == ("a", "b", "c")
    assert settings.kafka_config == {"client.id": "x"}


def test_the_environment_wins_over_the_file_and_overrides_over_both(here, monkeypatch):
    """A `.env` is read, the environment goes before it, and what is given in code before both."""
    (here / ".env").write_text(
        "STREAMING_ASSETS_THREADS=2\nSTREAMING_ASSETS_BATCH_RECORDS=2\nSTREAMING_ASSETS_KAFKA_PORT=2\n"
    )
    monkeypatch.setenv("STREAMING_ASSETS_BATCH_RECORDS", "3")
    monkeypatch.setenv("STREAMING_ASSETS_KAFKA_PORT", "3")
    settings = load_settings(kafka_port=4)
    assert (settings.threads, settings.batch_records, settings.kafka_port) == (2, 3, 4)


def test_a_setting_left_open_is_not_set(here, monkeypatch):
    """A variable without a value is the default: no address, no key, no port."""
    (here / ".env").write_text("STREAMING_ASSETS_PSEUDONYM_KEY=\nSTREAMING_ASSETS_KAFKA_PORT=\n")
    monkeypatch.setenv("STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS", "")
    monkeypatch.setenv("STREAMING_ASSETS_HOME", "")
    assert load_settings() == Settings()
    assert (load_settings().pseudonym_key, load_settings().kafka_bootstrap_servers) == (None, None)


def test_other_variables_are_not_looked_at(monkeypatch):
    """Variables that are no settings, such as the options of a source, disturb nothing."""
    monkeypatch.setenv("STREAMING_ASSETS_SHOP_TOKEN", "x")
    monkeypatch.setenv("HOME_OF_SOMETHING", "x")
    assert load_settings() == Settings()


def test_folders_are_absolute(here, monkeypatch):
    """Relative folders are those of the working directory, and ~ is the user's own."""
    monkeypatch.setenv("HOME", "/home/ada")
    settings = load_settings(home="state", lake="~/lake")
    assert (settings.home, settings.lake_path) == (here / "state", Path("/home/ada/lake"))


@pytest.mark.parametrize("sign", ["%", "\\", "[", "]", "^", "|", "\n", "\t", "\x7f"])
@pytest.mark.parametrize("setting", ["home", "lake"])
def test_a_folder_that_the_delta_library_misreads_is_refused(here, setting, sign):
    """A sign that makes delta-rs write in one folder and read in another, or panic, is a fault that shows the path."""
    with pytest.raises(SettingsError) as raised:
        load_settings(**{setting: f"a{sign}b"})
    (fault,) = raised.value.faults
    assert fault.where == f"STREAMING_ASSETS_{setting.upper()}"
    assert repr(str(here / f"a{sign}b")) in fault.expected


def test_a_working_directory_that_the_delta_library_misreads_is_refused(here, monkeypatch):
    """The path counts as a whole, so the default is no folder below a directory with such a sign in its name."""
    (here / "50%").mkdir()
    monkeypatch.chdir(here / "50%")
    with pytest.raises(SettingsError, match="STREAMING_ASSETS_HOME"):
        load_settings()


@pytest.mark.parametrize("name", ["a folder", "it's", 'so-called "lake"', "été", "a#b?c=d&e", "{x}", "<y>", "~z"])
def test_other_signs_in_a_folder_are_fine(here, name):
    """A table in a folder with any other sign in its name is where it was written, and can be read there."""
    path = load_settings(lake=str(here / name)).lake_path / "table"
    path.mkdir(parents=True)
    write_deltalake(str(path), pa.table({"number": [1]}))
    assert (path / "_delta_log").is_dir()
    assert DeltaTable(str(path)).to_pyarrow_table().to_pylist() == [{"number": 1}]


FAULTS = {
    "engine": "sparkle",
    "batch_records": "0",
    "batch_bytes": "many",
    "memory_limit_mb": "1",
    "threads": "1.5",
    "kafka_port": "65536",
    "quarantine_threshold": "2",
    "freshness_minutes": "inf",
    "vacuum_retention_hours": "nan",
    "lock_timeout_seconds": "-1",
    "lake": "~a-user-that-is-not-there/lake",
    "kafka_config": "[1]",
    "spark_config": "{",
    "spark_kafka_config": "x",
    "spark_batch_records": "0",
}


def test_all_faults_are_told_at_once(monkeypatch):
    """Every wrong setting is named by its variable, with what was found and what is expected."""
    for name, text in FAULTS.items():
        monkeypatch.setenv(PREFIX + name.upper(), text)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert sorted(fault.where for fault in raised.value.faults) == sorted(PREFIX + name.upper() for name in FAULTS)
    assert all(fault.expected for fault in raised.value.faults)
    found = {fault.where: fault.found for fault in raised.value.faults}
    assert found["STREAMING_ASSETS_BATCH_BYTES"] == "'many'"
    assert all(where in str(raised.value) for where in found)


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [f'{{"sasl.password": ["{SECRET}"]}}', f'{{"sasl.password": "{SECRET}"', f'["{SECRET}"]', f'"{SECRET}"', SECRET],
)
def test_wrong_secrets_are_not_shown(monkeypatch, text):
    """An error about the client settings, which hold passwords, shows none of their text."""
    monkeypatch.setenv("STREAMING_ASSETS_KAFKA_CONFIG", text)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert raised.value.faults[0].found == "a value that is not shown"
    assert SECRET not in str(raised.value)
    assert SECRET not in repr(raised.value.faults)


def test_secrets_are_not_in_the_text_of_settings():
    """Settings can be logged: neither their text nor their representation has a secret."""
    objects = {name: {"a.password": SECRET} for name in ("kafka_config", "spark_config", "spark_kafka_config")}
    cluster = {"spark_version": "17.3.x-scala2.13", "spark_env_vars": {"TOKEN": SECRET}}
    secrets = {**objects, "kafka_sasl_password": SECRET, "pseudonym_key": SECRET, "databricks_compute": cluster}
    assert set(secrets) == SECRETS
    settings = load_settings(**secrets)
    assert SECRET not in f"{settings!r} {settings!s}"
    assert settings.kafka_sasl_password.get_secret_value() == SECRET


@pytest.mark.parametrize(
    "text",
    ["serverless", '{"existing_cluster_id": "1"}', '{"job_id": 7}', '{"spark_version": "17", "num_workers": 2}'],
)
def test_kinds_of_compute(text):
    """Jobs run on serverless compute, on a cluster that there is, as the bundle's job, or on a new cluster."""
    compute = load_settings(databricks_compute=text).databricks_compute
    assert compute == (text if text == "serverless" else json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        *("classic", "{}", '{"num_workers": 2}', '{"job_id": 7, "spark_version": "17"}', "[1]"),
        *('{"job_id": "seven"}', '{"job_id": null}', '{"job_id": 1.5}', '{"job_id": true}', '{"job_id": 0}'),
        *('{"existing_cluster_id": null}', '{"existing_cluster_id": ""}', '{"existing_cluster_id": ["1"]}'),
        *('{"existing_cluster_id": "1", "num_workers": 2}', '{"spark_version": null}'),
    ],
)
def test_other_compute_is_refused(text):
    """Compute that is none of the kinds, or two of them, is a fault that names the kinds and not the value."""
    with pytest.raises(SettingsError) as raised:
        load_settings(databricks_compute=text)
    (fault,) = raised.value.faults
    assert (fault.where, fault.found) == ("STREAMING_ASSETS_DATABRICKS_COMPUTE", "a value that is not shown")
    assert "existing_cluster_id, job_id or a new cluster's spec" in fault.expected


def test_a_volume_is_a_path():
    """The tables of jobs lie in a folder of a volume; what is none is refused with the form that it has."""
    settings = load_settings(databricks_volume="/Volumes/main/streaming/files/")
    assert settings.databricks_volume == "/Volumes/main/streaming/files"
    assert str(settings.lake_of("databricks")) == "/Volumes/main/streaming/files/lake"
    assert settings.lake_of("spark") == settings.lake_path
    for wrong in ("main.streaming.files", "/Volumes/main/streaming", "dbfs:/Volumes/a/b/c"):
        with pytest.raises(SettingsError, match="/Volumes/<catalog>/<schema>/<volume>"):
            load_settings(databricks_volume=wrong)


@pytest.mark.parametrize("part", ["a%20b", "a[b", "a\nb", "..", "."])
def test_a_volume_can_be_read(part):
    """A folder that delta-rs reads elsewhere than it writes, or that lies in no volume, is refused as a lake's is."""
    with pytest.raises(SettingsError, match="STREAMING_ASSETS_DATABRICKS_VOLUME"):
        load_settings(databricks_volume=f"/Volumes/main/streaming/files/{part}")


def test_an_unreadable_file_is_told(here):
    """A `.env` that is no text is a fault of the settings."""
    (here / ".env").write_bytes(b"STREAMING_ASSETS_THREADS=\xff\xfe2")
    with pytest.raises(SettingsError, match=r"\.env"):
        load_settings()


def test_settings_do_not_change():
    """A setting can't be changed after it was read."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings().threads = 9


def test_options_of_a_source(here, monkeypatch):
    """A source's options are its variables after its name, small, from file and environment, as text."""
    (here / ".env").write_text("STREAMING_ASSETS_SHOP_RATE=5\nSTREAMING_ASSETS_SHOP_TOKEN=file\nOTHER=1\n")
    monkeypatch.setenv("STREAMING_ASSETS_SHOP_TOKEN", "environment")
    monkeypatch.setenv("STREAMING_ASSETS_SHOPPING_TOKEN", "no")
    monkeypatch.setenv("STREAMING_ASSETS_SHOP", "no")
    assert source_options("shop") == {"rate": "5", "token": "environment"}
    assert source_options("market") == {}


def test_unknown_variables_are_found(here, monkeypatch):
    """A variable that is no setting and no option of a source is found in file and environment, with the nearest."""
    (here / ".env").write_text("STREAMING_ASSETS_THREAD=2\nTHREAD=2\n")
    monkeypatch.setenv("STREAMING_ASSETS_SHOP_TOKEN", "x")
    monkeypatch.setenv("STREAMING_ASSETS_SHOPS_TOKEN", "x")
    monkeypatch.setenv("streaming_assets_kafka_prot", "9092")
    monkeypatch.setenv("STREAMING_ASSETS_XYZ", "x")
    monkeypatch.setenv("STREAMING_ASSETS_KAFKA_PORT", "9092")
    assert unknown_variables(["shop"]) == {
        "STREAMING_ASSETS_THREAD": "STREAMING_ASSETS_THREADS",
        "STREAMING_ASSETS_SHOPS_TOKEN": None,
        "streaming_assets_kafka_prot": "STREAMING_ASSETS_KAFKA_PORT",
        "STREAMING_ASSETS_XYZ": None,
    }


def test_every_setting_is_known(monkeypatch):
    """No setting is taken for an unknown variable."""
    for name in Settings.model_fields:
        monkeypatch.setenv(PREFIX + name.upper(), "x")
    assert unknown_variables([]) == {}
