"""`SIGKILL` at any moment: whatever it met, the next loads end with the right tables."""

from __future__ import annotations

import random
import re
import shutil
import signal
from pathlib import Path

import pytest
from history import History, by_request, empty, repeated_keys
from killing import Killer
from oracle import expected_tables, without_requests

from instaview_sandbox import Sandbox

KINDS = ("sourcing", "enrichment", "preview")
KILLS_A_CYCLE = 6


class Story:
    """New requests of all kinds and re-runs of old ones, cycle after cycle; some end only while a load waits."""

    def __init__(self, sandbox: Sandbox, chance: random.Random) -> None:
        self.sandbox, self.chance, self.history = sandbox, chance, History(sandbox)
        self._repeatable: list[str] = []

    def next_cycle(self) -> tuple[list[str], list[str]]:
        """Ids that are new, and ids that have been run again."""
        again = self.chance.sample(self._repeatable, min(2, len(self._repeatable)))
        for request_id in again:
            self.sandbox.rerun(request_id, seconds=0.0, state="failed" if self.chance.random() < 0.2 else "completed")
        new = [i for kind in KINDS for i in self.sandbox.add(kind, 2, seconds=self.chance.choice([0.0, 0.0, 1.0]))]
        new += self.sandbox.add("sourcing", 1, state="failed")
        self._repeatable += [i for i in new if self.sandbox.kind(i) == "sourcing"]
        self.history.note([*new, *again])
        return new, again


def campaign(sandbox, machine, seed, kills):
    """Kills so many loads; after each cycle all must be whole without being told, and right once all is given."""
    chance = random.Random(seed)
    story, killer = Story(sandbox, chance), Killer(machine, chance)
    new, _ = story.next_cycle()
    killer.learn(*new)
    killer.learn(*new, "--refresh")
    cycles = 0
    while killer.kills.total() < kills:
        new, again = story.next_cycle()
        cycles += 1
        for _ in range(min(KILLS_A_CYCLE, kills)):
            ids = again if again and chance.random() < 0.5 else [*new, *again]
            killer.kill_one(*ids, "--refresh")
        machine.load()  # with no ids: what is unfinished is taken up by itself
        found = by_request(machine.tables())
        assert [i for i in again if not story.history.is_whole(i, found.get(i, empty()))] == []
        machine.load(*new, *again, "--refresh")
        tables = machine.tables()
        assert repeated_keys(tables) == []
        assert without_requests(tables) == story.history.expected()
        assert machine.states() == {i: sandbox.state(i) for i in story.history.request_ids}
        assert left_of_packages(machine) == []
    print(
        f"\n{killer.kills.total()} kills in {cycles} cycles, {killer.in_time} loads ended before: {dict(killer.kills)}"
    )
    return killer


def left_of_packages(machine):
    """Files with people's data in dlt's working folder."""
    return [str(p) for p in machine.home.rglob("*_jobs/*") if p.is_file()]


WAREHOUSES = ["duckdb", pytest.param("postgres", marks=pytest.mark.long)]


def dies_before(machine, table, *arguments):
    """A load that is killed when it has merged all tables but this one, or just after this one."""
    process = machine.start("load", *arguments, command=(str(Path(__file__).with_name("dies_before.py")), table))
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, stderr


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", WAREHOUSES)
@pytest.mark.parametrize("table", ["requests:1", "candidates:1"])
def test_ids_of_a_first_load_killed_between_two_tables_need_not_be_given_again(api, machine, warehouse, table):
    sandbox, url = api()
    ids = [i for kind in KINDS for i in sandbox.add(kind, 2)]
    m = machine(sandbox, url, warehouse=warehouse)
    dies_before(m, table, *ids)
    m.load()
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)
    assert set(m.states()) == set(ids)


@pytest.mark.parametrize("table", ["requests:1", pytest.param("candidates:1", marks=pytest.mark.long)])
def test_a_first_load_killed_between_two_tables_is_made_good_by_a_machine_that_knows_nothing_of_it(api, machine, table):
    sandbox, url = api()
    ids = [i for kind in KINDS for i in sandbox.add(kind, 2)]
    dies_before(machine(sandbox, url), table, *ids)
    other = machine(sandbox, url, name="other")
    other.load(*ids)
    assert without_requests(other.tables()) == expected_tables(sandbox, ids)


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", WAREHOUSES)
@pytest.mark.parametrize("table", ["requests:2", pytest.param("candidates:1", marks=pytest.mark.long)])
@pytest.mark.parametrize("where", [pytest.param("one", marks=pytest.mark.long), "other"])
def test_a_re_read_killed_between_two_tables_is_taken_up_by_any_machine(api, machine, warehouse, table, where):
    sandbox, url = api()
    story = Story(sandbox, random.Random(0))
    ids, _ = story.next_cycle()
    m = machine(sandbox, url, warehouse=warehouse)
    m.load(*ids)
    _, again = story.next_cycle()
    dies_before(m, table, *again, "--refresh")
    if where == "other":  # one that knows nothing but the warehouse
        m = machine(sandbox, url, warehouse=warehouse, name="other")
    m.load()
    found = by_request(m.tables())
    assert [i for i in again if found[i] != story.history.of(i, 2)] == []


PLAIN = """
import sys
from instaview import billing_usage, instaview_source, open_pipeline
pipeline = open_pipeline("duckdb", "instaview")
pipeline.run({})
"""


@pytest.mark.slow
@pytest.mark.parametrize("source", ["billing_usage()", "instaview_source(None)"])
def test_what_a_killed_load_had_begun_is_not_loaded_twice_by_a_plain_pipeline(api, machine, source):
    sandbox, url = api()
    ids = [i for kind in KINDS for i in sandbox.add(kind, 2)]
    m = machine(sandbox, url)
    dies_before(m, "candidates:1:after", *ids)
    done = m.script(PLAIN.format(source))
    assert done.returncode == 0, done.stderr
    m.load()
    assert repeated_keys(m.tables()) == []
    assert {**without_requests(m.tables()), "billing_usage": []} == expected_tables(sandbox, ids)


@pytest.mark.slow
def test_a_package_that_waits_is_not_loaded_by_a_plain_pipeline_beside_what_others_have_loaded(api, machine):
    sandbox, url = api()
    first, second = sandbox.add("sourcing", 1), sandbox.add("sourcing", 2)
    one, two = (machine(sandbox, url, name=name) for name in ("one", "two"))
    one.load(*first)
    process = one.start("load", *second, command=(str(Path(__file__).with_name("locked_out.py")),))
    assert process.wait(60) == 1, process.communicate()
    two.load(*second)
    done = one.script(PLAIN.format(f"instaview_source({second})"))
    assert done.returncode == 0, done.stderr
    assert repeated_keys(one.tables()) == []
    assert without_requests(one.tables()) == expected_tables(sandbox, [*first, *second])


SPOILT = {
    "gone": None,
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "named"),
    [
        *((how, r"(.*\.)?(state|schema)\.json|\.version") for how in ("empty", "gone")),
        *(pytest.param(h, ".*", marks=pytest.mark.long) for h in SPOILT),
    ],
)
def test_a_file_of_dlt_s_may_be_spoilt_as_a_loss_of_power_leaves_it(api, machine, tmp_path, how, named):
    """One after the other, with a package that waits to be loaded."""
    sandbox, url = api()
    first, second = sandbox.add("sourcing", 1), sandbox.add("preview", 1)
    m = machine(sandbox, url)
    m.load(*first)
    process = m.start("load", *second, command=(str(Path(__file__).with_name("locked_out.py")),))
    assert process.wait(60) == 1, process.communicate()
    folder, kept = m.home / "dlt" / "pipelines", tmp_path / "kept"
    (package,) = folder.glob("*/load/normalized/*")
    shutil.copytree(package, package.parents[1] / "loaded" / "1.0")  # and one that is loaded, and to be deleted
    shutil.copytree(folder, kept)
    shutil.copy(m.database, tmp_path / "kept.duckdb")
    written = (path for path in kept.rglob("*") if path.is_file() and path.stat().st_size)
    files = sorted(path.relative_to(kept) for path in written if re.fullmatch(named, path.name))
    if how == "gone":  # as where a load was killed while it deleted what was loaded
        files = [file for file in files if "loaded" in file.parts]
    assert files
    for file in files:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        shutil.copy(tmp_path / "kept.duckdb", m.database)
        if how == "gone":
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(SPOILT[how]((kept / file).read_bytes()))
        done = m.run("load", "--json")
        assert done.returncode == 0, (file, done.stderr)
        if file.name.startswith("requests."):  # that of the package: nobody else knows its ids
            m.load(*second)
        assert without_requests(m.tables()) == expected_tables(sandbox, [*first, *second]), file
        assert left_of_packages(m) == [], file
    print(f"\n{len(files)} files {how}, one after the other")


def test_killed_loads_end_with_the_right_tables(api, machine):
    sandbox, url = api()
    killer = campaign(sandbox, machine(sandbox, url), seed=1, kills=3)
    assert len(killer.kills) > 1, "the kills should meet more than one phase"


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"])
def test_fifty_killed_loads_end_with_the_right_tables(api, machine, warehouse, seed):
    sandbox, url = api(seed=seed)
    killer = campaign(sandbox, machine(sandbox, url, warehouse=warehouse), seed=seed, kills=50)
    copying = {"copying"} if warehouse == "postgres" else set()  # into a file it takes too little time to be met
    assert set(killer.kills) >= {"normalising", "between two tables' merges"} | copying
