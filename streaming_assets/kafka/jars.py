"""Kafka's jars: kept in the user's cache, so that a fresh home needs no download."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from streaming_assets.errors import BrokerError

KAFKA_VERSION = "4.1.2"
ARTIFACTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",  # Kafka logs through slf4j 1.7, and brings no one who writes the lines
)
_MANIFEST = "classpath.json"


def cache_folder() -> Path:
    """Return the folder of what is kept for all homes: `$XDG_CACHE_HOME/streaming-assets`, by default in `~/.cache`."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "streaming-assets"


def jar_cache() -> Path:
    """Return the folder of the jars, `kafka-<version>` in the cache."""
    return cache_folder() / f"kafka-{KAFKA_VERSION}"


def kafka_jars(on_progress: Callable[[str], None] | None = None) -> list[Path]:
    """Return the class path of the broker; what the cache lacks is downloaded from Maven Central (about 45 MB).

    A cache that an interrupted download left incomplete is completed. Two processes can ask at once.

    Raises:
        BrokerError: The cache can't be written, or the jars can't be downloaded.
    """
    folder = jar_cache()
    if jars := _complete(folder):
        return jars
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            return _complete(folder) or _fill(folder, on_progress)
    except OSError as error:
        raise BrokerError(
            "Kafka's jars can't be stored.",
            found=f"{folder}: {error.strerror or error}",
            remedy="make that folder writable, free disk space, or set XDG_CACHE_HOME to another one",
        ) from error


def _complete(folder: Path) -> list[Path] | None:
    """Return the jars that the manifest lists, if all are there in full length."""
    try:
        listed = json.loads((folder / _MANIFEST).read_bytes())
        jars = [folder / name for name, _ in listed]
        sizes = [size for _, size in listed]
        return jars if [jar.stat().st_size for jar in jars] == sizes else None
    except (OSError, ValueError, TypeError):
        return None


def _fill(folder: Path, on_progress: Callable[[str], None] | None) -> list[Path]:
    from streaming_assets.kafka.download import download  # noqa: PLC0415 - needed once per machine, slow to import

    jars = download(ARTIFACTS, folder / "repository", on_progress)
    _write_manifest(folder, jars)
    return jars


def _write_manifest(folder: Path, jars: Sequence[Path]) -> None:
    listed = [(str(jar.relative_to(folder)), jar.stat().st_size) for jar in jars]
    new = folder / f"{_MANIFEST}.new"
    new.write_text(json.dumps(listed, indent=1))
    new.replace(folder / _MANIFEST)
