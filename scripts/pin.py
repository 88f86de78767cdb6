"""Write the versions that are installed now into pyproject.toml, as `constraint-dependencies` of uv.

    uv run python scripts/pin.py

Run it after `uv sync --upgrade` and a green test run: whoever installs later gets what was tested. Only
names and versions are written, so no address of whoever resolved them is recorded.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
BLOCK = re.compile(r"(# constraints:begin[^\n]*\n).*?(# constraints:end)", re.DOTALL)


def resolved() -> list[str]:
    """Return `name==version` with markers for every third-party package of the development install."""
    command = ["uv", "export", "--no-hashes", "--no-annotate", "--no-header", "--all-groups", "--all-extras"]
    command += ["--no-emit-workspace", "--quiet"]
    lines = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=PYPROJECT.parent
    ).stdout.splitlines()
    return sorted(line.strip() for line in lines if "==" in line)


def main() -> None:
    """Replace the block between the marks."""
    pins = "".join(f"  {_quoted(line)},\n" for line in resolved())
    text = PYPROJECT.read_text("utf-8")
    replaced, count = BLOCK.subn(lambda match: f"{match[1]}constraint-dependencies = [\n{pins}]\n{match[2]}", text)
    if count != 1:
        raise SystemExit("pyproject.toml has no block between '# constraints:begin' and '# constraints:end'")
    PYPROJECT.write_text(replaced, "utf-8")
    print(f"{len(pins.splitlines())} versions pinned")


def _quoted(line: str) -> str:
    return "'" + line + "'" if '"' in line else '"' + line + '"'


if __name__ == "__main__":
    main()
