"""What is computed bit by bit is what is computed at once."""

from __future__ import annotations

from streaming_assets.errors import NotConforming
from streaming_assets.layers.outdated import outdated_tables
from streaming_assets.testing.breaches import lines, remedy_of
from streaming_assets.testing.subject import Subject


def check_recompute(subject: Subject) -> None:
    """Check, as `streaming-assets verify` does, tables that were filled batch by batch.

    Raises:
        NotConforming: A row is lost or twice, or differs from what the plugin makes of the table before it.
    """
    tables = subject.scrambled_tables
    breaches = tables.breaches()
    told = lines(breaches)
    outdated = outdated_tables(subject.source, tables.settings.lake_path)
    told += [f"- {table.name} was made by another definition than there is now, a moment later" for table in outdated]
    if told:
        raise NotConforming(
            f"Tables of {subject.source.name} are not what a computation from scratch gives.",
            found="\n".join(told),
            expected="the same rows, whether computed bit by bit or at once, and at each time",
            meaning="`streaming-assets verify` would fail",
            remedy=remedy_of(
                [] if outdated else breaches,
                "let each row depend on its event, window or key alone: on no clock, chance or state",
            ),
        )
