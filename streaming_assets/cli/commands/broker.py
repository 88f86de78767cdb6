"""`broker`: the broker of this home, until Ctrl-C."""

from __future__ import annotations

from streaming_assets.cli.console import err, out
from streaming_assets.cli.context import broker, stopping
from streaming_assets.errors import Fault, SettingsError
from streaming_assets.settings import load_settings


def run_broker() -> None:
    """Run the broker.

    Raises:
        SettingsError: The settings name an external cluster.
        BrokerError: It can't be started.
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
        stop.wait()
