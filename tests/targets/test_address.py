"""Addresses of endpoints, and keys, that are refused before anything is sent."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.errors import Problem
from tiltyard.targets.http.address import address_of
from tiltyard.targets.opening import open_target

KEY = "ty_0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://", "host none"),
        ("https://name:pass@example.org/", "without a name and password"),
        ("https://example.org/?api_key=abc", "without a key"),
        ("http://example.org/v1/predict", "https"),
        ("http://[::1", "cannot be read"),
        ("http://127.0.0.1:99999/", "cannot be read"),
    ],
)
def test_addresses_that_are_refused_before_anything_is_sent(url: str, says: str) -> None:
    with pytest.raises(Problem, match=says) as caught:
        open_target(url, key=KEY)
    assert not any(secret in str(caught.value) for secret in (KEY, "pass@", "abc"))


@pytest.mark.parametrize("key", ["a b", "schlüssel", "a\nb: c"])
def test_a_key_that_cannot_stand_in_a_header_is_refused(key: str) -> None:
    with pytest.raises(Problem, match="printable ASCII") as caught:
        open_target("http://127.0.0.1:9/", key=key)
    assert key not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_one_line(text: str) -> None:
    with suppress(Problem):
        address = address_of("https://" + text)
        assert address.host
        assert str(address_of(str(address))) == str(address)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("127.0.0.1.example.org", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, own: bool) -> None:
    assert address_of(f"http://{host}:80/").loopback is own
