"""Download of jars and what they depend on from Maven repositories."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, Dependency, MavenContext, PythonResolver
from jgo.parse import Coordinate
from requests import RequestException

from streaming_assets.errors import BrokerError
from streaming_assets.kafka.progress import Counter, display

_ATTEMPTS = 3
_PARALLEL = 8
_TIMEOUT_SECONDS = 30


class _Resolver(PythonResolver):
    """jgo's resolver, but a file that fails is tried again and never stays behind half written."""

    def download(self, artifact: Artifact) -> Path | None:
        """Download one pom or jar.

        Raises:
            BrokerError: It can't be had, or is not what its checksum says.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._download(artifact)
            except (RequestException, RuntimeError):
                time.sleep(attempt)
        try:
            return self._download(artifact)
        except (RequestException, RuntimeError) as error:
            raise _failure(error) from None

    def _download(self, artifact: Artifact) -> Path | None:
        try:
            return super().download(artifact)
        except BaseException:
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)
            raise


def download(coordinates: Sequence[str], repository: Path, on_progress: Callable[[str], None] | None) -> list[Path]:
    """Bring the jars of `coordinates` and of all they need at run time into the Maven repository `repository`.

    Repositories come from jgo's own settings file, where there is one, then Maven Central; proxies from the
    environment. Files that a killed download cut short are fetched again.

    Args:
        coordinates: `group:artifact:version`.
        repository: Folder in Maven's layout; created where missing.
        on_progress: As for `progress.display`.

    Raises:
        BrokerError: A file can't be had, or is not what its checksum says.
        OSError: The folder can't be written.
    """
    _remove_broken(repository)
    with display(on_progress) as show, ThreadPoolExecutor(_PARALLEL) as pool:
        counter = Counter(show)
        artifacts = _resolve(_maven(repository, counter), coordinates)
        jars = []
        for jar in pool.map(Artifact.resolve, artifacts):
            jars.append(jar)
            counter.jars(len(jars), len(artifacts))
    return jars


def _maven(repository: Path, counter: Counter) -> MavenContext:
    mirrors = GlobalSettings.load().repositories
    return MavenContext(
        resolver=_Resolver(progress_callback=counter.file),
        repo_cache=repository,
        remote_repos={**mirrors, "central": mirrors.get("central", MAVEN_CENTRAL_URL)},
        timeout=_TIMEOUT_SECONDS,
    )


def _resolve(context: MavenContext, coordinates: Sequence[str]) -> list[Artifact]:
    named = [context.create_dependency(replace(Coordinate.parse(text), scope="compile")) for text in coordinates]
    asked, needed = context.resolver.resolve(named)
    dependencies: list[Dependency] = [*asked, *(one for one in needed if one.scope in {"compile", "runtime"})]
    return [dependency.artifact for dependency in dependencies]


def _failure(error: Exception) -> BrokerError:
    return BrokerError(
        "Kafka's jars can't be downloaded.",
        found=re.sub(r"//[^/@\s]*@", "//", f"{type(error).__name__}: {error}"),  # a URL can carry a password
        expected="a connection to Maven Central, or to a mirror named in jgo's settings file",
        remedy="check the network and try again, "
        "or set STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS to an existing cluster",
    )


def _remove_broken(folder: Path) -> None:
    """Remove files that were not written to their end: jgo writes to the final name and takes what is there."""
    for path in [*folder.rglob("*.jar"), *folder.rglob("*.pom")]:
        if not (zipfile.is_zipfile(path) if path.suffix == ".jar" else _is_xml(path)):
            path.unlink()


def _is_xml(path: Path) -> bool:
    try:
        ET.parse(path)  # noqa: S314 - only whether it is whole; jgo reads it anyhow
    except ET.ParseError:
        return False
    return True
