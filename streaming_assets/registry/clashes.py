"""What two sources can't have both."""

from __future__ import annotations


def shared_options(one: str, other: str) -> str | None:
    """Return the variables that would be options of two sources, such as `STREAMING_ASSETS_SHOP_EU_*`, or None.

    Args:
        one: Name of a source.
        other: Name of another one.
    """
    short, long = sorted((one, other), key=len)
    return f"STREAMING_ASSETS_{long.upper()}_*" if long.startswith(f"{short}_") else None


def is_same_topic(one: str, other: str) -> bool:
    """Tell whether two names are one topic to Kafka: in its metrics '.' and '_' are the same."""
    return one.replace(".", "_") == other.replace(".", "_")
