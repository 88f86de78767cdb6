"""How to reach a Kafka cluster, as librdkafka wants to hear it.

librdkafka's settings are documented in its CONFIGURATION.md; the names here are that document's.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from streaming_assets.errors import Fault, SettingsError
from streaming_assets.settings import PREFIX, Settings

MAX_MESSAGE_BYTES = 10 * 2**20
"""Largest record (and batch of records) that is written and read, in bytes."""

_VARIABLES = f"{PREFIX}KAFKA_"
_Client = TypeVar("_Client")

_logger = logging.getLogger("streaming_assets.kafka")
# Without a handler of its own, Python would print librdkafka's lines on stderr where nobody configured logging.
_logger.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a Kafka cluster is and how to log in to it. Plain data: it can be pickled and connects to nothing."""

    bootstrap_servers: str
    """`host:port`, or several, comma-separated."""
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further client settings in librdkafka's names; may hold secrets, so it is never shown."""

    def client_config(self, extra: Mapping[str, object] | None = None, /, **more: object) -> dict[str, Any]:
        """Return the configuration of a librdkafka client.

        Args:
            extra: Settings of this client, in librdkafka's names; they win over `config`.
            more: The same as keywords: `**{"linger.ms": 20}`.
        """
        return {
            **self.config,
            "logger": _logger,  # instead of librdkafka's own lines on stderr
            "error_cb": _log_error,
            "bootstrap.servers": self.bootstrap_servers,
            **(extra or {}),
            **more,
        }

    def client(self, kind: Callable[[dict[str, Any]], _Client], extra: Mapping[str, object] | None = None) -> _Client:
        """Make a librdkafka client, which connects in the background.

        Args:
            kind: `Producer`, `Consumer` or `AdminClient`.
            extra: As for `client_config`.

        Raises:
            SettingsError: librdkafka refuses `config`.
        """
        try:
            return kind(self.client_config(extra))
        except (KafkaException, TypeError) as error:
            if not self.config:  # then it is not a setting of the user
                raise
            raise SettingsError([_refused(self.config, error)]) from None


def connection_from(settings: Settings) -> Connection:
    """Return the connection to the cluster that the settings name.

    `kafka_sasl_username` and `kafka_sasl_password` become SASL/PLAIN over TLS, which is what hosted clusters
    use; `kafka_config` can say otherwise (`sasl.mechanism`, `security.protocol`, …) and wins.

    Raises:
        SettingsError: There is a user without a password, or a password without a user.
        ValueError: The settings name no cluster.
    """
    if settings.kafka_bootstrap_servers is None:
        raise ValueError("kafka_bootstrap_servers is not set")
    return Connection(settings.kafka_bootstrap_servers, {**_login(settings), **settings.kafka_config})


def _login(settings: Settings) -> dict[str, str]:
    user, password = settings.kafka_sasl_username, settings.kafka_sasl_password
    if user is None and password is None:
        return {}
    if user is None or password is None:
        missing, other = ("USERNAME", "PASSWORD") if user is None else ("PASSWORD", "USERNAME")
        where, found = f"{_VARIABLES}SASL_{missing}", f"nothing, while {_VARIABLES}SASL_{other} is set"
        raise SettingsError([Fault(where=where, found=found, expected="both of them, or none")])
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": password.get_secret_value(),
    }


def _refused(config: Mapping[str, str], error: Exception) -> Fault:
    """Tell which property librdkafka refuses; its own text can have the value in it, so it is not shown."""
    text = str(error.args[0].str() if isinstance(error, KafkaException) else error)
    named = re.search(r'onfiguration property:? "([^"]*)"', text)
    names = [named[1]] if named else [name for name in config if name and name in text] or list(config)
    unknown = text.startswith("No such configuration property")
    refused = "no property of librdkafka" if unknown else "a value that librdkafka refuses; it is not shown"
    return Fault(
        where=f"{_VARIABLES}CONFIG",
        found=f"{', '.join(names)}: {refused}",
        expected="properties and values of librdkafka's CONFIGURATION.md",
    )


def _log_error(error: KafkaError) -> None:
    # librdkafka reconnects by itself; whoever waits for an answer has a deadline and raises.
    _logger.warning("%s", error)


class LastError:
    """An `error_cb` that remembers why librdkafka has no connection: its requests only say that they timed out."""

    def __init__(self) -> None:
        self._error: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Note an error."""
        # "All brokers are down" follows each of the others and explains nothing.
        if error.code() != KafkaError._ALL_BROKERS_DOWN or self._error is None:  # noqa: SLF001 - its public name
            self._error = error
        _log_error(error)

    def explain(self, error: KafkaError | None = None) -> str:
        """Return the text of `error`, and of the last one noted."""
        told = [one.str() for one in (error, self._error) if one is not None]
        return "; ".join(dict.fromkeys(told)) or "no answer and no error"
