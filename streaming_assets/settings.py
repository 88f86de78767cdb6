"""Settings: `STREAMING_ASSETS_*` variables or a `.env` file, checked as a whole, all faults at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from datetime import timedelta
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, Any, Literal
from unicodedata import category

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from streaming_assets.errors import Fault, SettingsError
from streaming_assets.faults import VARIABLE as FAULT

PREFIX = "STREAMING_ASSETS_"

SECRETS = frozenset(
    {
        *("databricks_compute", "kafka_config", "kafka_sasl_password"),
        *("pseudonym_key", "spark_config", "spark_kafka_config"),
    }
)
"""Settings whose values are never shown."""

EngineName = Literal["embedded", "spark", "databricks"]

EXISTING_SESSION = "existing"
"""As `spark_master`: the session that is there already, as on Databricks."""

SERVERLESS: Literal["serverless"] = "serverless"
"""As `databricks_compute`: compute that the workspace has ready."""

LOAD_SECONDS = 30.0
"""How long a plugin may take to be imported, where no setting says otherwise."""

FUNCTION_SECONDS = 600.0
"""How long a Silver function may take, where no setting says otherwise."""

# Found by trying: of these delta-rs makes another folder for reading than for writing, or it panics.
_MISREAD = r"%\[]^|"


class Settings(BaseSettings):
    """Everything a person can set. The variable of a field is its name in capitals after `STREAMING_ASSETS_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,  # `NAME=` in a .env is a setting left open, not an empty key or address
        extra="ignore",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    home: Path = Field(Path(".streaming_assets"), description="Where all state lies.")
    lake: Path | None = Field(
        None,
        description="Folder of the Delta tables; default `<home>/lake`. The locks lie in `home`: of homes that share a "
        "lake, let only one run maintenance and rebuilds.",
    )
    engine: EngineName = Field("embedded", description="What computes and commits the tables.")
    source_engines: Annotated[dict[str, EngineName], NoDecode] = Field(
        default_factory=dict, description="Engines of sources that have another one: a JSON object, source to engine."
    )
    disabled_plugins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names of plugins, or of their distributions, that are not loaded, comma-separated."
    )
    plugin_timeout_seconds: float = Field(
        LOAD_SECONDS, gt=0, description="How long a plugin may take to be imported, and to define its source."
    )
    function_timeout_seconds: float = Field(
        FUNCTION_SECONDS, gt=0, description="How long a plugin's Silver function may take for what it is given at once."
    )

    kafka_bootstrap_servers: str | None = Field(
        None, description="An existing cluster; unset, a broker is started on this machine."
    )
    kafka_config: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Further client settings in librdkafka's names, as a JSON object.",
        repr=False,
    )
    kafka_sasl_username: str | None = Field(None, description="User or API key.")
    kafka_sasl_password: SecretStr | None = Field(None, description="Password or API secret.")
    kafka_port: int = Field(0, ge=0, le=65535, description="Port of the broker on this machine; 0 takes a free one.")
    kafka_heap_mb: int = Field(512, ge=128, description="Heap of the broker on this machine, in MiB.")

    batch_records: int = Field(100_000, ge=1, description="Most records in one Bronze commit.")
    batch_bytes: int = Field(64 * 2**20, ge=2**16, description="Most bytes of keys and values in one Bronze commit.")
    memory_limit_mb: int = Field(1024, ge=256, description="Memory of the embedded engine, in MiB.")
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="Threads of the embedded engine."
    )
    spark_master: str = Field(
        "local[*]",
        description="Master of the Spark session that engine `spark` starts; `existing` takes the one that is there.",
    )
    spark_remote: str | None = Field(
        None, description="Address of a Spark Connect server, `sc://host:port`; unset, a session is started here."
    )
    spark_config: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict, description="Further properties of that session, as a JSON object.", repr=False
    )
    spark_kafka_config: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Settings of Spark's Kafka client in the Java client's names, as a JSON object; they win.",
        repr=False,
    )
    spark_batch_records: int = Field(5_000_000, ge=1, description="Most records in one Bronze commit of `spark`.")
    databricks_volume: str | None = Field(
        None,
        description="Folder of a Unity Catalog volume, `/Volumes/<catalog>/<schema>/<volume>`, where engine "
        "`databricks` has its tables (`lake`), its wheels and its messages.",
    )
    databricks_compute: Annotated[Literal["serverless"] | dict[str, Any], NoDecode] = Field(
        SERVERLESS,
        description="What its jobs run on: `serverless`; or, as a JSON object, an `existing_cluster_id`, the `job_id` "
        "of the bundle's job, or a new cluster as the Clusters API takes it.",
        repr=False,
    )
    databricks_secret_scope: str | None = Field(
        None, description="Secret scope from which its jobs take the settings that are secrets, by their names."
    )
    databricks_timeout_minutes: float = Field(
        120.0, gt=0, description="Time after which a job is ended, with the wait for its compute."
    )
    databricks_poll_seconds: float = Field(5.0, gt=0, le=3600, description="How often a job is looked at.")
    lock_timeout_seconds: float = Field(
        300.0, ge=0, description="How long a command waits for another one on the same source."
    )

    pseudonym_key: SecretStr | None = Field(
        None, description="Key of the pseudonyms; unset, one is made once and kept under `home`."
    )
    quarantine_threshold: float = Field(
        0.05, ge=0, le=1, description="Share of quarantined records above which a check warns."
    )
    freshness_minutes: float = Field(
        60.0, gt=0, description="Age of a table's newest commit at which it counts as stale."
    )
    vacuum_retention_hours: float = Field(
        1.0, description="How long files and log entries that a table no longer needs are kept for its readers."
    )
    dagster_port: int = Field(3000, ge=0, le=65535, description="Port of the Dagster UI.")
    dashboard_port: int = Field(8501, ge=0, le=65535, description="Port of the dashboard.")
    dashboard_refresh_seconds: float = Field(5.0, ge=1, le=3600, description="How often the dashboard looks again.")

    @field_validator("disabled_plugins", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("kafka_config", "source_engines", "spark_config", "spark_kafka_config", mode="before")
    @classmethod
    def _parse_json(cls, value: object) -> object:
        # Left to pydantic-settings, text that is no JSON would end in an error that is told apart from all others.
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("a JSON object") from None

    @field_validator("databricks_compute", mode="before")
    @classmethod
    def _parse_compute(cls, value: object) -> object:
        try:
            parsed = json.loads(value) if isinstance(value, str) and value != SERVERLESS else value
        except ValueError:
            parsed = None
        if parsed != SERVERLESS and not (isinstance(parsed, dict) and _is_compute(parsed)):
            raise ValueError("`serverless`, or a JSON object with existing_cluster_id, job_id or a new cluster's spec")
        return parsed

    @field_validator("databricks_volume")
    @classmethod
    def _in_a_volume(cls, value: str | None) -> str | None:
        # Folders may come before: where there is no workspace, as in tests, a volume lies below some other folder.
        if value is not None and not re.fullmatch(r"(/[^/]+)*/Volumes(/[^/]+){3,}", value.rstrip("/")):
            raise ValueError("/Volumes/<catalog>/<schema>/<volume>, or a folder in it")
        if value is not None and (_misread(value) or {".", ".."} & set(value.split("/"))):
            raise ValueError(
                f"/Volumes/<catalog>/<schema>/<volume>, with no control character, none of {_MISREAD} and no `..`"
            )
        return value.rstrip("/") if value else None

    @field_validator("vacuum_retention_hours")
    @classmethod
    def _long_enough(cls, value: float) -> float:
        if value < 1:
            raise ValueError("1 hour or more: whoever reads a table needs the files of the version that it opened")
        return value

    @field_validator("home", "lake")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            path = value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError("a folder; there is no user of that name") from error
        if _misread(str(path)):
            raise ValueError(f"a folder: {str(path)!r} may hold no control character and none of {_MISREAD}")
        return path

    def engine_of(self, source: str) -> EngineName:
        """Return the name of a source's engine."""
        return self.source_engines.get(source, self.engine)

    @property
    def lake_path(self) -> Path:
        """Folder of the Delta tables."""
        return self.lake or self.home / "lake"

    def sources_with_tables(self) -> frozenset[str]:
        """Return the names of the sources that have a folder in the lake of this machine."""
        try:
            return frozenset(each.name for each in self.lake_path.iterdir())
        except OSError:  # there is none yet, or whoever opens a table is told why it can't be read
            return frozenset()

    def is_elsewhere(self, source: str) -> bool:
        """Tell whether the tables of a source are worked on by jobs in a workspace, and can't be seen from here."""
        return self.engine_of(source) == "databricks"

    def lake_of(self, engine: EngineName) -> Path:
        """Return the folder of the Delta tables that an engine fills, as the place where it runs sees it."""
        return Path(self.databricks_volume or "/Volumes") / "lake" if engine == "databricks" else self.lake_path

    @property
    def freshness(self) -> timedelta:
        """Age of a table's newest commit at which it counts as stale."""
        return timedelta(minutes=self.freshness_minutes)


def _misread(path: str) -> bool:
    return any(sign in _MISREAD or category(sign) in {"Cc", "Cs"} for sign in path)


def _is_compute(chosen: dict[str, Any]) -> bool:
    """Tell whether an object is one kind of compute; a new cluster's spec is for the workspace to judge."""
    kind = chosen.keys() & {"existing_cluster_id", "job_id", "spark_version"}
    if kind == {"spark_version"}:
        return bool(chosen["spark_version"])
    value, pattern = next(iter(chosen.values()), None), r"[1-9][0-9]*" if kind == {"job_id"} else r"\S+"
    fits = isinstance(value, int | str) and re.fullmatch(pattern, str(value)) is not None
    return fits and len(kind) == len(chosen) == 1


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment and `.env`; `overrides` win.

    Raises:
        SettingsError: One or more settings are wrong; it names every one.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError([_fault(detail) for detail in error.errors()]) from None
    except (UnicodeDecodeError, OSError) as error:
        fault = Fault(where=".env", found=str(error), expected="a file in UTF-8 that this process can read")
        raise SettingsError([fault]) from error


def unusable_home(home: Path, error: OSError) -> SettingsError:
    """Return the error of a process that can't write where all state lies."""
    found = f"{str(home)!r} ({error.filename or home}: {error.strerror or error})"
    return SettingsError([Fault(f"{PREFIX}HOME", found, "a folder that can be made and written")])


def is_disabled(plugin: EntryPoint, disabled: Collection[str]) -> bool:
    """Tell whether a plugin is among those that are not loaded: by its name, or by that of its distribution."""
    return plugin.name in disabled or (plugin.dist is not None and plugin.dist.name in disabled)


def source_options(source: str) -> dict[str, str]:
    """Return the options of a source: `STREAMING_ASSETS_<SOURCE>_<OPTION>` as `{"option": "text"}`."""
    prefix = f"{PREFIX}{source}_".upper()
    return {
        name[len(prefix) :].lower(): value
        for name, value in _environment().items()
        if name.upper().startswith(prefix) and value is not None
    }


def unknown_variables(sources: Collection[str]) -> dict[str, str | None]:
    """Return the `STREAMING_ASSETS_*` variables that are neither a setting nor an option of a source.

    Args:
        sources: Names of all sources and plugins.

    Returns:
        The variables, each with the setting that was probably meant, if one is near.
    """
    settings = [field.upper() for field in Settings.model_fields]
    prefixes = tuple(f"{source}_".upper() for source in sources)
    ours = {name: name.upper().removeprefix(PREFIX) for name in _environment() if name.upper().startswith(PREFIX)}
    known = [*settings, FAULT.removeprefix(PREFIX)]
    unknown = {name: end for name, end in ours.items() if end not in known and not end.startswith(prefixes)}
    # Compared without the prefix, beside which everything would be near.
    near = {name: get_close_matches(end, settings, n=1) for name, end in sorted(unknown.items())}
    return {name: PREFIX + found[0] if found else None for name, found in near.items()}


def _environment() -> dict[str, str | None]:
    return {**dotenv_values(".env"), **os.environ}


def _fault(detail: Any) -> Fault:
    name = str(detail["loc"][0])
    found = "a value that is not shown" if name in SECRETS else repr(detail["input"])
    # What pydantic says of a value, without how it begins: the words after `expected` are enough.
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return Fault(where=PREFIX + name.upper(), found=found, expected=expected)
