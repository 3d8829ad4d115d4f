"""Which installed packages have known vulnerabilities, told without a network: `advisories.py PATH`.

PATH is what was brought here before: a clone of https://github.com/pypa/advisory-database, which is what PyPI tells
pip-audit, or `data/insecure.json` of https://github.com/pyupio/safety-db. It ends with 1 where there is any.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

Installed = dict[str, Version]


@dataclass(frozen=True)
class Advisory:
    """Whether an installed package is affected by what is known of it."""

    package: str
    name: str
    affects: bool
    written: datetime


def installed() -> Installed:
    """All packages of this environment but pip, which Python brings and nothing here needs."""
    found = {canonicalize_name(d.metadata["Name"]): Version(d.version) for d in distributions()}
    return {name: version for name, version in found.items() if name != "pip"}


def advisories(path: Path, packages: Installed) -> Iterator[Advisory]:
    """What is known of these packages."""
    return _of_records(path.rglob("PYSEC-*.yaml"), packages) if path.is_dir() else _of_ranges(path, packages)


def _of_ranges(path: Path, packages: Installed) -> Iterator[Advisory]:
    known = json.loads(path.read_text(encoding="utf-8"))
    written = datetime.fromtimestamp(known.pop("$meta")["timestamp"], UTC)
    for name, ranges in known.items():
        version = packages.get(canonicalize_name(name))
        for affected in ranges if version else ():
            yield Advisory(canonicalize_name(name), affected, SpecifierSet(affected).contains(version, True), written)


def _of_records(paths: Iterable[Path], packages: Installed) -> Iterator[Advisory]:
    """Of records in the format of OSV, each in a folder with the name of its package."""
    for path in paths:
        name = canonicalize_name(path.parent.name)
        if name not in packages:
            continue
        record = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        if "withdrawn" in record:
            continue
        mine = [a for a in record["affected"] if canonicalize_name(a["package"]["name"]) == name]
        affects = any(_is_affected(packages[name], affected) for affected in mine)
        told = " ".join([record["id"], *record.get("aliases", ())])
        yield Advisory(name, told, affects, datetime.fromisoformat(str(record["modified"])).astimezone(UTC))


def _is_affected(version: Version, affected: dict[str, Any]) -> bool:
    if str(version) in affected.get("versions", ()):
        return True
    return any(_is_within(version, r["events"]) for r in affected.get("ranges", ()) if r["type"] == "ECOSYSTEM")


def _is_within(version: Version, events: list[dict[str, str]]) -> bool:
    """Whether a version lies in a range: the last event that it has reached says so."""
    within = False
    for what, at in sorted((next(iter(event.items())) for event in events), key=lambda event: Version(event[1])):
        if version > Version(at) or (version == Version(at) and what != "last_affected"):
            within = what == "introduced"
    return within


def main() -> int:
    packages = installed()
    known = list(advisories(Path(sys.argv[1]), packages))
    if not known:
        print(f"{sys.argv[1]} says nothing of any of the {len(packages)} packages", file=sys.stderr)
        return 1
    affecting = [advisory for advisory in known if advisory.affects]
    for advisory in affecting:
        print(f"{advisory.package} {packages[advisory.package]}: {advisory.name}")
    newest = max(advisory.written for advisory in known)
    print(
        f"{len(packages)} packages; of {len(known)} advisories about {len({a.package for a in known})} of them, the "
        f"newest of {newest:%B %Y}, {len(affecting)} affect what is installed"
    )
    return bool(affecting)


if __name__ == "__main__":
    sys.exit(main())
