"""The key of the pseudonyms."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from streaming_assets.errors import SettingsError
from streaming_assets.pseudonyms import pseudonym_key
from streaming_assets.settings import load_settings


def test_a_key_that_is_set_is_taken(tmp_path):
    """A key from the settings is the key, as UTF-8, and no file is made."""
    assert pseudonym_key(load_settings(home=tmp_path, pseudonym_key="ключ")) == "ключ".encode()
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_and_kept(tmp_path):
    """Where none is set, a random key is made, and the same one is found ever after."""
    settings = load_settings(home=tmp_path / "new" / "home", pseudonym_key=None)
    key = pseudonym_key(settings)
    assert len(bytes.fromhex(key.decode())) == 32
    assert pseudonym_key(settings) == key
    assert [path.name for path in settings.home.iterdir()] == ["pseudonym.key"]


def test_every_home_has_its_own_key(tmp_path):
    """Two homes make two keys."""
    keys = {pseudonym_key(load_settings(home=tmp_path / name, pseudonym_key=None)) for name in ("a", "b")}
    assert len(keys) == 2


def test_a_key_is_read_by_its_owner_only(tmp_path):
    """The file of the key can be read and written by nobody else."""
    pseudonym_key(load_settings(home=tmp_path, pseudonym_key=None))
    assert stat.S_IMODE((tmp_path / "pseudonym.key").stat().st_mode) == 0o600


def test_all_who_start_at_once_agree(tmp_path):
    """Of many who find no key at the same time, all go on with one."""
    settings = load_settings(home=tmp_path, pseudonym_key=None)
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: pseudonym_key(settings), range(64)))
    assert set(keys) == {(tmp_path / "pseudonym.key").read_bytes()}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_home_that_can_not_be_written_is_told(tmp_path):
    """Where the key can't be kept, that is a fault of the settings."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="STREAMING_ASSETS_HOME"):
        pseudonym_key(load_settings(home=tmp_path / "file" / "home", pseudonym_key=None))


def test_an_empty_key_is_refused(tmp_path):
    """A key file that lost its content is no key: pseudonyms without one hide nobody."""
    (tmp_path / "pseudonym.key").write_bytes(b"")
    with pytest.raises(SettingsError, match="an empty file"):
        pseudonym_key(load_settings(home=tmp_path, pseudonym_key=None))
