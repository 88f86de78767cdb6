"""`broker`: the local broker, until Ctrl-C."""

from __future__ import annotations

from streaming_assets.cli.console import err, out
from streaming_assets.cli.context import broker, stopping
from streaming_assets.errors import BrokerError, Fault, SettingsError
from streaming_assets.kafka.broker import broker_address
from streaming_assets.kafka.embedded import LOG
from streaming_assets.settings import Settings, load_settings

_LOOK_SECONDS = 1.0


def run_broker() -> None:
    """Run the broker.

    Raises:
        SettingsError: The settings name an external cluster.
        BrokerError: It can't be started, or ended.
    """
    settings = load_settings()
    if settings.kafka_bootstrap_servers is not None:
        raise SettingsError(
            [
                Fault(
                    where="STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS",
                    found=repr(settings.kafka_bootstrap_servers),
                    expected="nothing: with an external cluster there is no broker to run here",
                )
            ]
        )
    with broker(settings) as connection, stopping() as stop:
        where = f"Kafka at {connection.bootstrap_servers}, data in {settings.home / 'kafka'}"
        out.print(where, markup=False, highlight=False, soft_wrap=True)
        err.print("[dim]Ctrl-C stops it[/]")
        while not stop.wait(_LOOK_SECONDS):
            if broker_address(settings) != connection.bootstrap_servers:
                raise _ended(settings)


def _ended(settings: Settings) -> BrokerError:
    return BrokerError(
        "The Kafka broker ended.",
        meaning="what it accepted is kept in its folder; each producer says what it did not deliver",
        remedy=f"see {settings.home / 'kafka' / LOG} for the cause, then start it again",
    )
