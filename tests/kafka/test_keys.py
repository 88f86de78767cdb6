import pytest

from streaming_assets.kafka.keys import key_reader


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'{"actor":{"login":"octo"}}', b"octo"),
        (b'{"x":[{"login":"no"}],"actor":{"id":1,"login":"a\\u00e9"}}', "aé".encode()),
        (b'{"actor":{"login":1.50}}', b"1.50"),
        (b'{"actor":{"login":12345678901234567890123}}', b"12345678901234567890123"),
        (b'{"actor":{"login":true}}', b"true"),
        (b'{"actor":{"login":""}}', b""),
    ],
)
def test_key_is_the_text_of_the_field(value, key):
    """A string gives its own text, a number or boolean its JSON text as it stands."""
    assert key == key_reader("actor.login")(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"actor":null}',
        b'{"actor":{}}',
        b'{"actor":{"login":null}}',
        b'{"actor":{"login":{"a":1}}}',
        b'{"actor":{"login":["a"]}}',
        b'{"actor":{"login":"\\ud800"}}',
        b'{"actor":{"login":"\xff"}}',
        b'{"actor":{"login":"cut',
    ],
)
def test_event_without_a_usable_field_has_no_key(value):
    """Whatever is wrong with an event, looking for its key does not fail."""
    assert key_reader("actor.login")(value) is None


def test_without_path_there_is_no_key():
    """A topic without a key path gives no event a key."""
    assert key_reader(None)(b'{"a":1}') is None
