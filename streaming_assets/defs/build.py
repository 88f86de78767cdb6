"""All sources together: what a Dagster code location serves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from streaming_assets.contract import EventSource
from streaming_assets.defs.assets import source_assets
from streaming_assets.defs.full_checks import full_checks, verify_job
from streaming_assets.defs.jobs import maintenance_job, maintenance_schedule, refresh_job
from streaming_assets.defs.replay import replay_job
from streaming_assets.defs.resources import runtime_resource
from streaming_assets.defs.sensors import lag_sensor
from streaming_assets.defs.translator import Translator
from streaming_assets.isolation import described
from streaming_assets.registry import Registry
from streaming_assets.settings import Settings

_logger = logging.getLogger("streaming_assets.definitions")


def build_definitions(registry: Registry, settings: Settings) -> dg.Definitions:
    """Make the definitions of all sources. A plugin that was left out is logged, and shown among the assets.

    Args:
        registry: The sources, and the plugins that are broken.
        settings: The settings.
    """
    for plugin in registry.broken:
        _logger.warning("Plugin %s was left out: %s", plugin.name, plugin.error)
    reasons: dict[str, list[str]] = {}
    for plugin in registry.broken:
        reasons.setdefault(plugin.name, []).append(str(plugin.error))
    built = list(_built(registry, settings, reasons))
    return dg.Definitions.merge(
        dg.Definitions(
            assets=_left_out(reasons),
            resources={"runtime": runtime_resource(settings)},
            executor=dg.in_process_executor,
        ),
        *built,
    )


def _built(registry: Registry, settings: Settings, reasons: dict[str, list[str]]) -> Iterator[dg.Definitions]:
    """Make the definitions of each source; one of which none can be made is added to `reasons`."""
    for source in registry.sources.values():
        try:
            yield source_definitions(source, settings)
        except Exception as error:
            _logger.exception("Source %s was left out.", source.name)
            reasons.setdefault(source.name, []).append(f"No definitions can be made of it: {described(error)}")


def source_definitions(source: EventSource, settings: Settings) -> dg.Definitions:
    """Make the definitions of one source; the resource `runtime` is not among them."""
    translator = Translator(source, settings)
    refresh, maintenance = refresh_job(translator), maintenance_job(translator)
    return dg.Definitions(
        assets=source_assets(translator),
        asset_checks=full_checks(translator),
        jobs=[refresh, maintenance, replay_job(translator), verify_job(translator)],
        sensors=[lag_sensor(translator, refresh)],
        schedules=[maintenance_schedule(translator, maintenance)],
    )


def _left_out(reasons: Mapping[str, Sequence[str]]) -> list[dg.AssetSpec]:
    """Show broken plugins where their assets would be looked for; two of one name share a place."""
    return [
        dg.AssetSpec(
            ["broken-plugins", name],  # no source can be called so
            group_name="broken_plugins",
            description="\n\n".join([f"The plugin `{name}` was left out.", *texts]),
        )
        for name, texts in reasons.items()
    ]
