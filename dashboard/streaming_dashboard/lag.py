"""How far Bronze is behind its topic, asked in the background: a broker that does not answer must not stop the page."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.errors import BrokerNotRunning, StreamingAssetsError
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.continuity import Reached, find_break
from streaming_assets.kafka.lag import lag
from streaming_assets.kafka.topics import topic_state
from streaming_assets.lake.reader import source_position
from streaming_assets.settings import Settings

_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Lag:
    """What is known about a source's lag."""

    records: int | None
    """Offsets between Bronze's position and the topic's end, over all partitions; None where it is not known."""
    reason: str = ""
    """Why it is not known."""


_ASKING = Lag(None, "Kafka has not answered yet")


class LagWatch:
    """Asks Kafka, one question per source at a time, and remembers the last answers. Any thread may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._asked: dict[str, Future[Lag]] = {}
        self._answers: dict[str, Lag] = {}

    def look(self, source: EventSource) -> Lag:
        """Return the newest answer; if Kafka takes longer than half a second, the one before."""
        with self._lock:
            question = self._asked.get(source.name)
            if question is None:
                question = self._asked[source.name] = self._ask(source)
        try:
            answer = question.result(_PATIENCE_SECONDS)
        except NotYet:
            return self._answers.get(source.name, _ASKING)
        with self._lock:
            self._answers[source.name] = answer
            if self._asked.get(source.name) is question:
                del self._asked[source.name]
        return answer

    def _ask(self, source: EventSource) -> Future[Lag]:
        question: Future[Lag] = Future()
        # A daemon thread, as the process must be able to end while Kafka does not answer.
        threading.Thread(target=_answer, args=(question, self._settings, source), daemon=True).start()
        return question


def _answer(question: Future[Lag], settings: Settings, source: EventSource) -> None:
    try:
        question.set_result(find_lag(settings, source, settings.lake_path))
    except BrokerNotRunning:
        question.set_result(Lag(None, "no Kafka broker is running; `streaming-assets up` starts one"))
    except StreamingAssetsError as error:
        question.set_result(Lag(None, error.summary))
    except Exception as error:  # noqa: BLE001 (a question without an answer would never be asked again)
        question.set_result(Lag(None, f"{type(error).__name__}: {error}"))


def find_lag(settings: Settings, source: EventSource, lake: Path) -> Lag:
    """Ask Kafka for the extent of the topic, and compare it with Bronze's position.

    Raises:
        BrokerNotRunning: There is no broker to ask; none is started.
        BrokerError: Kafka can't be reached, or refuses to tell.
        TableError: Bronze can't be read.
    """
    with connect(settings, start=False) as connection:
        state = topic_state(connection, source.topic.name)
    position = source_position(source, lake)
    reached = Reached(position.next_offsets, position.cluster_id, position.topic_id)
    found = find_break(source.topic.name, state, reached)
    if found is not None:
        happened = found.summary[0].lower() + found.summary[1:].rstrip(".")
        return Lag(None, f"{happened}; `streaming-assets refresh {source.name}` names the ways out")
    if state is None:
        return Lag(None, f"the topic `{source.topic.name}` does not exist yet")
    return Lag(sum(lag(state, position.next_offsets).values()))
