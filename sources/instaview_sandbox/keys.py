"""The API keys that the sandbox knows, and the two companies they belong to.

The keys are constants and look the part: `sk_test_`, 46 characters in all, and plainly fake. The names of the
scopes for reading are documented; `sourcing:write` for POST and PATCH is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ACME", "COMPANIES", "DEFAULT_KEYS", "GLOBEX", "Company", "Key", "find_key"]


@dataclass(frozen=True, slots=True)
class Company:
    """A customer of InstaView."""

    company_id: str
    name: str
    billing_system: Literal["credits", "minutes"] = "credits"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and what may be done with it."""

    label: str  # what calls and statistics name it by, instead of the secret
    secret: str
    scopes: frozenset[str]
    companies: tuple[Company, ...]
    suspended: bool = False
    ats: bool = False  # manages several companies and must pass `companyId`


ACME = Company("123e4567-e89b-12d3-a456-426614174000", "Acme Corporation")
GLOBEX = Company("123e4567-e89b-12d3-a456-426614174001", "Globex Fictional", "minutes")
COMPANIES = (ACME, GLOBEX)

_SOURCING = frozenset({"sourcing:read", "sourcing:write"})
_ALL = _SOURCING | {"enrich:write", "read:billing"}


def _secret(words: str) -> str:
    return f"sk_test_{words:0<38}"


DEFAULT_KEYS = (
    Key("full", _secret("SANDBOXfullACCESS"), _ALL, (ACME,)),
    Key("sourcing", _secret("SANDBOXsourcingONLY"), _SOURCING, (ACME,)),
    Key("suspended", _secret("SANDBOXsuspended"), _ALL, (ACME,), suspended=True),
    Key("ats", _secret("SANDBOXatsTWOcompanies"), _ALL, COMPANIES, ats=True),
    Key("other", _secret("SANDBOXotherCOMPANY"), _ALL, (GLOBEX,)),
)


def find_key(keys: tuple[Key, ...], authorization: str) -> Key | None:
    """The key that an `Authorization: Bearer …` header names; None when there is no such key."""
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return next((key for key in keys if key.secret == secret.strip()), None)
