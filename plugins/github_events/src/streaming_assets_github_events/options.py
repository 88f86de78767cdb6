"""The producer's options: `STREAMING_ASSETS_GITHUB_EVENTS_*`, checked as a whole, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from streaming_assets.errors import Fault, SettingsError

PREFIX = "STREAMING_ASSETS_GITHUB_EVENTS_"


class Options(BaseModel):
    """What a person can set."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    api_url: str = Field("https://api.github.com", description="Root of the REST API; GitHub Enterprise has its own.")
    token: SecretStr | None = Field(
        None, description="Access token; it needs no permission and raises the limit from 60 to 5,000 requests an hour."
    )
    per_page: int = Field(100, ge=1, le=100, description="Events on a page.")
    max_pages: int = Field(3, ge=1, le=10, description="Most pages read in one poll; GitHub keeps 300 events.")
    timeout_seconds: float = Field(
        10.0, gt=0, le=300, allow_inf_nan=False, description="How long the server may keep silent, in seconds."
    )

    @field_validator("api_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"a URL ({error})") from None
        if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
            raise ValueError("an http or https URL without query, such as https://api.github.com")
        if url.port is not None and not 0 < url.port < 2**16:
            raise ValueError("a URL with a port from 1 to 65535")
        if url.userinfo:
            raise ValueError("a URL without user and password; the token has a variable of its own")
        return value.rstrip("/")

    @field_validator("token", mode="before")
    @classmethod
    def _header_text(cls, value: str | None) -> str | None:
        if not value or not value.strip():
            return None
        # An HTTP library would repeat a token that can't stand in a header in its error's text.
        if not all("!" <= char <= "~" for char in value.strip()):
            raise ValueError("a token of visible ASCII characters without spaces")
        return value.strip()


def load_options(options: Mapping[str, str]) -> Options:
    """Check the options of the source.

    Args:
        options: Option name, in small letters, to text.

    Raises:
        SettingsError: One or more are wrong; it names every variable, and shows no secret.
    """
    try:
        return Options.model_validate(dict(options))
    except ValidationError as error:
        raise SettingsError([_fault(detail) for detail in error.errors()]) from None


def _fault(detail: Any) -> Fault:
    name = str(detail["loc"][0])
    known = ", ".join(sorted(PREFIX + field.upper() for field in Options.model_fields))
    # An unknown name may be a misspelt token, and a URL may hold a password.
    hidden = name == "token" or name not in Options.model_fields or "@" in str(detail["input"])
    return Fault(
        where=PREFIX + name.upper(),
        found="a value that is not shown" if hidden else repr(detail["input"]),
        expected=detail["msg"].removeprefix("Value error, ") if name in Options.model_fields else f"one of {known}",
    )
