"""Plugins that do what no plugin should, each in one way of its own."""

from __future__ import annotations

HEALTHY = """
import os, signal, sys, time
from streaming_assets import (
    Batch, Chart, Event, EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic, hookimpl,
)

NAME = os.path.splitext(os.path.basename(__file__))[0].removeprefix("plugin_")
EVENTS = [Event(value=b'{"at": "2026-01-01T12:00:00Z", "page": "%d"}' % number) for number in range(20)]
PAGE = Field(name="page", type=ScalarType.STRING)
GOLD = "SELECT page, count(*) AS clicks FROM silver GROUP BY page"


class Clicks:
    def next_batch(self):
        return Batch(events=EVENTS, poll_after=None)

    def close(self):
        pass


def produce(options):
    return Clicks()


def function(events):
    return events.select(["page"])


def source(name=NAME, topic=None, produce=produce, function=None, gold=GOLD):
    sql = "SELECT page FROM events" if function is None else None
    return EventSource(
        name=name,
        title=name,
        description="What people click.",
        topic=Topic(name=topic or f"hostile_{name}"),
        schema=EventSchema(fields=(Field(name="at", type=ScalarType.TIMESTAMP), PAGE), event_time="at"),
        producer=produce,
        silver=SilverTable(sql=sql, function=function, columns=(PAGE,)),
        gold=(
            GoldTable(
                name="pages",
                description="How often each page was clicked.",
                sql=gold,
                columns=(PAGE, Field(name="clicks", type=ScalarType.LONG)),
                keys=("page",),
                charts=(Chart(kind="bar", title="Pages", x="page", y="clicks"),),
            ),
        ),
    )
"""

_HOOK = """
@hookimpl
def register_event_source():
    {body}
"""


def hook(body: str = "return source()") -> str:
    """Code of a plugin whose hook does something."""
    return HEALTHY + _HOOK.format(body=body)


def producing(next_batch: str, *, close: str = "pass", made: str = "return Hostile()") -> str:
    """Code of a plugin whose producer does something."""
    body = f"""
class Hostile:
    def next_batch(self):
        {next_batch}

    def close(self):
        {close}


def make(options):
    {made}
"""
    return HEALTHY + body + _HOOK.format(body="return source(produce=make)")


def transforming(body: str) -> str:
    """Code of a plugin whose Silver function does something."""
    return HEALTHY + f"\n\ndef hostile(events):\n    {body}\n" + _HOOK.format(body="return source(function=hostile)")


UNLOADABLE = {
    "import_raises": "raise ValueError('no luck')",
    "import_exits": "import sys; sys.exit(3)",
    "import_interrupts": "raise KeyboardInterrupt",
    "import_ends": "import os; os._exit(3)",
    "import_aborts": "import os; os.abort()",
    "import_recurses": "def again(): again()\nagain()",
    "import_warns": "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('old', DeprecationWarning)",
    "import_hangs": "import time\ntime.sleep(600)",
    "hook_raises": hook("raise ValueError('no luck')"),
    "hook_ends": hook("os._exit(3)"),
    "hook_spins": hook("while True: pass"),
    "hook_gives_text": hook("return 'source'"),
    "takes_name": hook("return source('user_interactions')"),
    "takes_topic": hook("return source(topic='user_interactions')"),
    "takes_options": hook("return source('user')"),
    "topic": "raise ValueError('no luck')",
    "odd name, with [signs]/and *more*": "raise ValueError('no luck')",
}
"""Plugins that give no source that can be used."""

CHANGING = """
import gc, io, locale, logging, os, signal, socket, sys, threading, time, warnings
os.write(1, b"written\\n")
print("printed")
os.system("echo echoed")
logging.basicConfig(stream=sys.stdout, level=0, force=True)
logging.warning("logged")
logging.disable(logging.CRITICAL)
warnings.simplefilter("error")
os.chdir("/")
os.environ["STREAMING_ASSETS_HOME"] = os.environ["HOME"] = os.environ["PATH"] = "/nowhere"
os.environ["STREAMING_ASSETS_LAKE"] = "/nowhere"
locale.setlocale(locale.LC_ALL, "C")
sys.path.clear()
sys.setrecursionlimit(200)
socket.setdefaulttimeout(0.001)
os.umask(0o777)
gc.disable()
signal.alarm(1)
threading.Thread(target=time.sleep, args=(600,)).start()
sys.stdout = sys.stderr = io.StringIO()
"""

LOADABLE = {
    "changes_process": HEALTHY + CHANGING + _HOOK.format(body="return source()"),
    "made_raises": producing("pass", made="raise ValueError('no luck')"),
    "made_exits": producing("pass", made="sys.exit(3)"),
    "made_hangs": producing("pass", made="time.sleep(600)"),
    "producer_raises": producing("raise ValueError('no luck')"),
    "producer_exits": producing("sys.exit(3)"),
    "producer_ends": producing("os._exit(3)"),
    "producer_interrupts": producing("raise KeyboardInterrupt"),
    "producer_hangs": producing("time.sleep(600)"),
    "producer_spins": producing("while True: pass"),
    "producer_gives_list": producing("return EVENTS"),
    "producer_gives_text": producing("return Batch(events=['text'], poll_after=None)"),
    "producer_gives_nan": producing("return Batch(events=EVENTS, poll_after=float('nan'))"),
    "producer_gives_past": producing("return Batch(events=EVENTS, poll_after=-1.0)"),
    "producer_gives_word": producing("return Batch(events=EVENTS, poll_after='soon')"),
    "close_raises": producing("return Batch(events=EVENTS, poll_after=None)", close="raise ValueError('no luck')"),
    "close_exits": producing("return Batch(events=EVENTS, poll_after=None)", close="sys.exit(3)"),
    "producer_changes": producing(f"exec({CHANGING!r}); return Batch(events=EVENTS, poll_after=None)"),
    "function_raises": transforming("raise ValueError('no luck')"),
    "function_exits": transforming("sys.exit(3)"),
    "function_ends": transforming("os._exit(3)"),
    "function_hangs": transforming("time.sleep(600)"),
    "function_gives_rows": transforming("return events.select(['page']).slice(1)"),
    "function_gives_list": transforming("return [1, 2]"),
    "function_gives_columns": transforming("return events.select(['page']).rename_columns(['pages'])"),
    "function_changes": transforming(f"exec({CHANGING!r}); return events.select(['page'])"),
    "gold_fails": hook(
        "return source(gold='SELECT page, count(*) + 9223372036854775807 AS clicks FROM silver GROUP BY page')"
    ),
}
"""Plugins whose sources are loaded, and misbehave when they work, or whose code does while it is loaded."""
