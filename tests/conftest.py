"""`--warehouse NAME` says which warehouses the tests in `warehouses/` run on; and what makes all tests quick."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

_SUITE = Path(__file__).with_name("warehouses")
"""Tests elsewhere may have a parameter of the same name, and choose by themselves."""
WAREHOUSES = ("duckdb", "postgres", "snowflake", "bigquery")
_MEMORY = Path("/dev/shm")  # noqa: S108 (pytest makes a folder there that is its own)

# databases wait for a disk again and again; what a test leaves is gone when it has passed, so memory will do
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


settings.register_profile("thorough", max_examples=100)
settings.register_profile("quick", max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    """Tries properties on fewer examples where tests marked `long` are left out."""
    chosen = config.option.markexpr
    settings.load_profile("quick" if "long" in chosen and "long" not in chosen.replace("not long", "") else "thorough")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--warehouse",
        action="append",
        choices=(*WAREHOUSES, "all"),
        help="run the suite of promises on this warehouse, or on all (repeatable; default duckdb)",
    )


def chosen_warehouses(config: pytest.Config) -> list[str]:
    named = config.getoption("--warehouse") or ["duckdb"]
    return [name for name in WAREHOUSES if "all" in named or name in named]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test that asks for a `warehouse` on those that were chosen."""
    if "warehouse" in metafunc.fixturenames and _SUITE in metafunc.definition.path.parents:
        only = metafunc.definition.get_closest_marker("only_on")
        names = only.args if only else WAREHOUSES
        chosen = [name for name in chosen_warehouses(metafunc.config) if name in names]
        metafunc.parametrize("warehouse", chosen or names[:1], indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests of warehouses that were not chosen."""
    chosen = chosen_warehouses(config)
    asking = [i for i in items if _SUITE in i.path.parents and hasattr(i, "callspec")]
    left_out = [i for i in asking if i.callspec.params.get("warehouse", chosen[0]) not in chosen]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # a load makes a lot that does not last
