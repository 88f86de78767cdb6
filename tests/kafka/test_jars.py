import contextlib
import functools
import http.server
import json
import os
import pty
import shutil
import subprocess
import sys
import threading

import pytest

from streaming_assets.errors import BrokerError
from streaming_assets.kafka.jars import jar_cache, kafka_jars


@pytest.fixture
def mirror(request, tmp_path, monkeypatch):
    """A Maven repository on this machine made of the jars that the broker runs with; gives the paths asked for."""
    request.getfixturevalue("broker")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_):
            asked.append(self.path)

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(jar_cache() / "repository"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        _configure(tmp_path, monkeypatch, f"127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


def _configure(folder, monkeypatch, address):
    settings = folder / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = http://{address}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))


@pytest.mark.broker
def test_complete_cache_is_used_without_asking_anyone(mirror):
    """Where all jars are there, no request is made."""
    assert all(jar.exists() for jar in kafka_jars())
    assert mirror == []


@pytest.mark.broker
def test_cut_jar_is_fetched_again_and_only_that_one(mirror, tmp_path, monkeypatch):
    """A jar that is shorter than it was, and one that is gone, are replaced from the user's mirror."""
    cache = tmp_path / "streaming-assets" / jar_cache().name
    shutil.copytree(jar_cache(), cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cut, gone, *_ = sorted(cache.rglob("*.jar"), key=lambda jar: jar.stat().st_size)
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-100])
    gone.unlink()
    told = []
    assert all(jar.exists() for jar in kafka_jars(told.append))
    assert whole == cut.read_bytes()
    assert {cut.name, gone.name} == {path.rpartition("/")[2] for path in mirror if path.endswith(".jar")}
    assert "of" in told[-1]


@pytest.mark.broker
@pytest.mark.usefixtures("mirror")
def test_fresh_cache_is_filled_from_the_mirror(tmp_path, monkeypatch):
    """A machine without the jars gets all of them, and a manifest that the next process trusts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jars = kafka_jars()
    manifest = json.loads((jar_cache() / "classpath.json").read_bytes())
    assert [jar.stat().st_size for jar in jars] == [size for _, size in manifest]
    assert any(jar.name.startswith("kafka_2.13-") for jar in jars)


@pytest.mark.broker
@pytest.mark.usefixtures("mirror")
def test_first_download_shows_a_bar_on_a_terminal(tmp_path, monkeypatch):
    """On a terminal, a bar grows to its end, and the caller hears nothing that would tear it apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal, theirs = pty.openpty()
    code = "from streaming_assets.kafka.jars import kafka_jars; print(len(kafka_jars(print)))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        shown = _all_of(terminal)
        told = process.stdout.read()
    assert "Downloading Apache Kafka, once" in shown
    assert "━" * 40 in shown.replace("\x1b[0m", "")
    assert f"{told.strip()} of {told.strip()} jars" in shown


def _all_of(terminal):
    """Return what is written to a terminal until nobody can write any more."""
    shown = b""
    with contextlib.suppress(OSError):  # Linux's way to tell the end
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return shown.decode()


def test_repository_that_does_not_answer_is_named(tmp_path, monkeypatch):
    """Without jars and without a repository, the error has the address, and no password of it."""
    _configure(tmp_path, monkeypatch, "user:secret@127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("streaming_assets.kafka.download._ATTEMPTS", 1)
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1") as caught:
        kafka_jars()
    assert "secret" not in str(caught.value)


def test_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    """A file in the place of the cache is an error that names it."""
    (tmp_path / "streaming-assets").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BrokerError, match=str(tmp_path)):
        kafka_jars()
