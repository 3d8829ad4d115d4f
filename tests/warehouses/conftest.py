"""The warehouses, each started when the first test needs it, and a machine that loads into one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from warehouse_machine import Warehouse, WarehouseMachine

from instaview_sandbox import Sandbox, running

os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # as the command does, before dlt is imported

SERVICES = {"postgres": services.postgres, "snowflake": services.snowflake, "bigquery": services.bigquery}


@pytest.fixture(scope="session")
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    name: str = request.param
    if name not in SERVICES:
        yield Warehouse(name, {})
        return
    with SERVICES[name]() as settings:
        yield Warehouse(name, settings)


@pytest.fixture
def sandbox() -> Sandbox:
    """An API whose limits hold nobody up."""
    return Sandbox(seed=11, requests=0, minute_limit=100_000, hour_limit=1_000_000, results_per_minute=None)


@pytest.fixture
def machine(
    sandbox: Sandbox, tmp_path: Path, warehouse: Warehouse, request: pytest.FixtureRequest
) -> Iterator[WarehouseMachine]:
    """A machine set up for the API and the warehouse, with a dataset that no other test has."""
    dataset = f"iv_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    with running(sandbox) as url:
        yield WarehouseMachine(tmp_path, url, sandbox.keys["full"], warehouse, dataset)
