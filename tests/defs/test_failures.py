# No postponed annotations here: Dagster reads those of the functions it decorates.

import dagster as dg
import pytest

from streaming_assets.defs.failures import explained
from streaming_assets.errors import BrokerError, ConcurrentWrite, TableBusy, TableError, TopicChanged


def step(error: Exception) -> dg.ExecuteInProcessResult:
    """Run one step that raises."""

    @dg.op
    def raising(context: dg.OpExecutionContext) -> None:
        with explained(context):
            raise error

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        raising()

    return job.execute_in_process(raise_on_error=False)


@pytest.fixture
def no_wait(monkeypatch):
    monkeypatch.setattr("streaming_assets.defs.failures.RETRY_SECONDS", 0)


@pytest.mark.parametrize("kind", [TableError, TopicChanged])
def test_error_becomes_a_failure_with_its_parts(kind):
    """A failed step says what happened, what was found and what to do, and is not tried again."""
    result = step(kind("It broke.", found="a gap", expected="no gap", meaning="nothing was lost", remedy="call"))
    failure = result.failure_data_for_node("raising").user_failure_data
    assert failure.description.splitlines()[0] == "It broke."
    assert {label: value.text for label, value in failure.metadata.items()} == {
        "Found": "a gap",
        "Expected": "no gap",
        "For the data": "nothing was lost",
        "What to do": "call",
    }
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("kind", [BrokerError, ConcurrentWrite, TableBusy])
def test_fault_that_may_pass_is_tried_twice_more(kind):
    """A broker that does not answer, or another writer, gets two more chances before the step fails with the reason."""
    result = step(kind("It broke.", remedy="wait"))
    failure = result.failure_data_for_node("raising").user_failure_data
    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert (len(retries), failure.description) == (2, "It broke.\nWhat to do: wait")


def test_fault_of_the_framework_keeps_its_trace():
    """An error that nobody foresaw comes through as it is."""
    failure = step(ZeroDivisionError("oops")).failure_data_for_node("raising")
    assert failure.user_failure_data is None
    assert "ZeroDivisionError: oops" in failure.error.to_string()
