"""Every setting of the connector, declared once and resolved the dlt way.

A value comes from the first of: the keyword argument, the environment (`SOURCES__INSTAVIEW__API_KEY`),
`.dlt/secrets.toml`, `.dlt/config.toml` (both under `[sources.instaview]`), the default below.
"""

from __future__ import annotations

import hmac
import re
from typing import Any, Literal, get_args

import httpx
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from .diagnosis import first_line
from .exceptions import UsageError
from .request_ids import COMPANY_ID_SHAPE

SECTIONS = ("sources", "instaview")

BASE_URL = "https://api.instaview.sk"
WAIT = 900.0
POLL_INTERVAL = 10.0
MAX_IN_FLIGHT = 8
COMMIT_RESULTS = 2_000
PersonalData = Literal["keep", "hash", "drop"]
_SHORTEST_HASH_KEY = 16
_LAST_PORT = 65_535


@configspec
class InstaviewSettings(BaseConfiguration):
    """The settings of one load. Times are in seconds."""

    api_key: TSecretStrValue | None = None
    """The API key (`sk_…`). Required for anything that is sent."""
    base_url: str = BASE_URL
    """Where the API is served."""
    company_id: str | None = None
    """The company whose requests are read, for an ATS key that manages several. A `company_id` given
    beside a request id wins."""
    wait: float = WAIT
    """How long a load waits for runs that are still processing. 0 looks once and never sleeps."""
    poll_interval: float = POLL_INTERVAL
    """Shortest time between two looks at the same request. The API asks for at least 10."""
    max_in_flight: int = MAX_IN_FLIGHT
    """How many calls may be under way at once."""
    commit_results: int = COMMIT_RESULTS
    """A long load commits after this many results …"""
    commit_seconds: float | None = None
    """… or after this many seconds, whichever is first. Not set, it is 15, and 60 on Snowflake and BigQuery, which bill
    or count what is sent to them."""
    personal_data: PersonalData = "keep"
    """What becomes of what says who a candidate is, and of free text about them: `keep`; `hash`, which hashes the
    former with `personal_data_key` and drops the latter; or `drop`."""
    personal_data_key: TSecretStrValue | None = None
    """What `hash` is keyed with: 16 characters or more, the same in all loads."""

    def on_resolved(self) -> None:
        """Checks what types cannot say.

        Raises:
            UsageError: a value is out of its range.
        """
        if not _is_address(self.base_url):
            raise UsageError(f"base_url {self.base_url!r} is not an http(s) address; the API's is {BASE_URL}")
        self.company_id = (self.company_id or "").strip() or None
        if self.company_id and not re.fullmatch(COMPANY_ID_SHAPE, self.company_id, re.ASCII):
            raise UsageError(f"company_id {self.company_id[:60]!a} is not a company id. Nothing was sent")
        for name, least in (("wait", 0.0), ("poll_interval", 0.0), ("commit_seconds", 0.0)):
            value = getattr(self, name)
            if value is not None and not float(value) >= least:
                raise UsageError(f"{name} must be {least:g} seconds or more, not {value}")
        for name in ("max_in_flight", "commit_results"):
            if int(getattr(self, name)) < 1:
                raise UsageError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.personal_data not in get_args(PersonalData):
            raise UsageError(f"personal_data must be keep, hash or drop, not {self.personal_data!r}")
        if self.personal_data == "hash" and len(self.personal_data_key or "") < _SHORTEST_HASH_KEY:
            raise UsageError(
                f"personal_data = hash needs a personal_data_key of {_SHORTEST_HASH_KEY} characters or more: set "
                "SOURCES__INSTAVIEW__PERSONAL_DATA_KEY, or the line in .dlt/secrets.toml, and never change it"
            )

    @property
    def concealment(self) -> str:
        """What becomes of people's data, as a text to compare with another; it gives nothing of the key away."""
        if self.personal_data != "hash":
            return self.personal_data
        return f"hash {hmac.new((self.personal_data_key or '').encode(), b'instaview', 'sha256').hexdigest()}"

    def key(self) -> str:
        """The API key, fit for a header.

        Raises:
            UsageError: there is none, or it holds characters that no key has.
        """
        key = (self.api_key or "").strip()
        if not key:
            raise UsageError(
                "no API key: set SOURCES__INSTAVIEW__API_KEY, or api_key under [sources.instaview] in .dlt/secrets.toml"
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError("the API key holds spaces or unprintable characters; copy it again")
        return key


def resolve_settings(**explicit: Any) -> InstaviewSettings:
    """Resolves the settings; keywords that are not None win over every other place.

    Raises:
        UsageError: a value is missing, of the wrong type, or out of its range.
    """
    given = {name: value for name, value in explicit.items() if value is not None}
    try:
        return resolve_configuration(InstaviewSettings(), sections=SECTIONS, explicit_value=given)
    except ConfigFieldMissingException as error:
        raise UsageError(f"missing settings under [sources.instaview]: {', '.join(error.fields)}") from error
    except ConfigurationException as error:
        raise UsageError(f"a setting under [sources.instaview] is wrong: {first_line(str(error))}") from error


def _is_address(text: str) -> bool:
    """Whether calls can be sent there."""
    try:
        url = httpx.URL(text)
        host, port = url.host, url.port
    except (httpx.InvalidURL, ValueError):  # the latter: a name with characters that no name may hold
        return False
    named = re.fullmatch(r"[^\s%]+", host) is not None  # httpx writes a space as %20
    return url.scheme in ("http", "https") and named and (port is None or 0 < port <= _LAST_PORT)
