"""The key of the pseudonyms: from the settings, or made once and kept beside the tables."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from streaming_assets.errors import Fault, SettingsError
from streaming_assets.settings import Settings

_KEY_BYTES = 32


def pseudonym_key(settings: Settings) -> bytes:
    """Return the key; where none is set, the one in `<home>/pseudonym.key`, made on first use.

    Whoever has the key can tell whether a pseudonym belongs to a known person; whoever loses it gets
    other pseudonyms for the same persons from then on.

    Raises:
        SettingsError: The key's file can't be read or written, or is empty.
    """
    if settings.pseudonym_key is not None:
        return settings.pseudonym_key.get_secret_value().encode()
    path = settings.home / "pseudonym.key"
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        fault = Fault(where="STREAMING_ASSETS_HOME", found=str(error), expected="a folder this process can write to")
        raise SettingsError([fault]) from error
    if not key:
        raise SettingsError([Fault(where=str(path), found="an empty file", expected="the key that was kept there")])
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".pseudonym")  # readable by its owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(_KEY_BYTES).encode())
        # A link, unlike a rename, never replaces: two processes that start at once agree on one whole key.
        with suppress(FileExistsError):
            Path(path).hardlink_to(draft)
    finally:
        Path(draft).unlink()
