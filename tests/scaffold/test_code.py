"""Python expressions are laid out as the formatter does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streaming_assets.contract import Array, Field, ScalarType, Struct
from streaming_assets.scaffold.code import declared, layout, several

SHORT = Field(name="a", type=ScalarType.LONG)
LONG = Field(name="b", type=ScalarType.STRING, required=False, description="Why, and \"how\": 'ünïcode' \\ …" * 3)
QUOTED = Field(name="q", type=ScalarType.STRING, description='"a" or \'b\' and "c"')
DEEP = Field(name="c", type=Struct(fields=(SHORT, LONG, Field(name="d", type=Array(items=ScalarType.DATE)))))


@pytest.mark.parametrize("fields", [(SHORT,), (SHORT, SHORT), (LONG,), (DEEP,), (SHORT, DEEP, LONG), (QUOTED,)])
@pytest.mark.parametrize("spread", [False, True])
def test_the_formatter_changes_nothing(fields, spread):
    """What is laid out is what ruff would have written, and means the fields that it was made of."""
    code = "fields = " + layout(several([declared(each) for each in fields], spread=spread), before=9, after=0) + "\n"
    ruff = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "-"]
    ran = subprocess.run(ruff, input=code, capture_output=True, text=True, check=True)
    assert ran.stdout == code
    names = {"Field": Field, "ScalarType": ScalarType, "Struct": Struct, "Array": Array}
    exec(code, names)  # noqa: S102 - it is what was written above
    assert names["fields"] == fields
