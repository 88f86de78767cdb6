"""The ledger: what a producer was told was delivered."""

from __future__ import annotations

from pathlib import Path

LINE_BYTES = 4 + 12 + 64 + 1


def line(partition: int, offset: int, digest: str) -> bytes:
    """Return a line: partition, offset and SHA-256 of the value in hexadecimal, padded to one width."""
    return f"{partition:<4}{offset:<12}{digest}\n".encode()


def lines(path: Path) -> int:
    """Return how many lines the ledger has."""
    return path.stat().st_size // LINE_BYTES if path.exists() else 0


def read(path: Path) -> dict[tuple[int, int], str]:
    """Return the digests by partition and offset.

    Raises:
        ValueError: Kafka gave one offset to two events.
    """
    found: dict[tuple[int, int], str] = {}
    for text in path.read_text().splitlines():
        partition, offset, digest = text.split()
        if found.setdefault((int(partition), int(offset)), digest) != digest:
            raise ValueError(f"two events were delivered at partition {partition}, offset {offset}")
    return found
