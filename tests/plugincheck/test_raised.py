"""Where a plugin raised: the last line of its own, whoever raised for it."""

from __future__ import annotations

import pytest

RAISING = {
    "in another module of its own": {"__init__": "from . import more\n", "more": "X = «int('a')»\n"},
    "in a library": {"__init__": "import json\nX = «json.loads('{')»\n"},
    "in a library that calls it back": {
        "__init__": "import functools\n\ndef add(a, b):\n    return «a.b»\n\nfunctools.reduce(add, [1, 2])\n"
    },
    "after letters beyond ASCII": {"__init__": "größe = 'é', «int('é')»\n"},
    "over several lines": {"__init__": "«X = int(»\n    'a',\n)\n"},
    "while another was handled": {
        "__init__": "try:\n    int('a')\nexcept ValueError as error:\n    «raise RuntimeError('b') from error»\n"
    },
    "syntax of another module": {"__init__": "from . import more\n", "more": "x = 1\ny = «)»\n"},
    "a dependency of another module": {"__init__": "from . import more\n", "more": "«import no_such_module»\n"},
    "a module of its own": {"__init__": "«from .mor import X»\n", "more": "X = 1\n"},
    "a keyword": {
        "__init__": "from streaming_assets import Topic\n\nTOPIC = Topic(\n    name='shop',\n    «partition»=3,\n)\n"
    },
}


@pytest.mark.parametrize("modules", RAISING.values(), ids=RAISING)
def test_the_last_line_of_the_plugins_own_is_told(project, modules):
    """Of all the lines on the way to an exception, the last one in the plugin's files is told, with its part."""
    project.write(**modules)

    assert project.places() == project.marked


SUGGESTED = {
    "from streaming_assets import Feld\n": "'Field'",
    "import streaming_assets\nX = streaming_assets.Topik\n": "'Topic'",
    "from streaming_assets import ScalarType\nX = ScalarType.LNG\n": "'LONG'",
    "table = 1\nX = tabel\n": "'table'",
    "from streaming_assets import Topic\nX = Topic(nam='a')\n": "'name'",
    "from streaming_assets import Topic\nX = Topic()\n": "a value for 'name'",
    "import no_such_module.inner\n": "an installed package that has it: `pip install no_such_module`",
    "from . import more\nfrom .mroe import X\n": "'shop.more'",
    "import streaming_asset\n": "'streaming_assets'",
    "from shopp.more import X\n": "'shop'",
    "from more import X\n": "'shop.more', or an installed package that has it: `pip install more`",
    "X = Chart\n": "`from streaming_assets import Chart` above",
    "@hookimpl\ndef register_event_source(): ...\n": "`from streaming_assets import hookimpl` above",
    "from streaming_assets import ScalarType\nX = ScalarType.INTEGER\n": "one of: BOOLEAN, DATE, DOUBLE, ",
    "from streaming_assets import Field\nX = Field('a', 1)\n": "each argument by its name: Field(name=…, type=…)",
    "raise ValueError\n": "a plugin that can be loaded without connecting, exiting or raising",
}


@pytest.mark.parametrize(("code", "expected"), SUGGESTED.items())
def test_the_name_that_was_meant_is_offered(project, code, expected):
    """Where a name is wrong, the nearest one that is there is offered."""
    project.write(__init__=code, more="X = 1\n")

    (finding,) = project.findings()

    assert finding.expected.startswith(expected)
