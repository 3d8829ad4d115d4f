"""`instaview check`: is the warehouse reachable and writable, and if not, which setting is it."""

from __future__ import annotations

import json
import random
import re
import socket
import string
from pathlib import Path

import pytest
from dlt.destinations.exceptions import DatabaseTerminalException

from instaview.destination import target_of
from instaview.exceptions import DestinationFailed
from instaview.status import read_status
from instaview.tables import ARROW_TYPES, TABLES
from instaview.warehouse_errors import _causes, is_connection_error, warehouse_errors

SOURCING = "req_00000000-0000-4000-8000-000000000001"
DOCS = Path(__file__).parents[2] / "docs" / "warehouses"


def problem(machine, **settings):
    """The one line that `check` prints about the destination, which must not hold a secret."""
    done = machine.run("check", "--json", **settings)
    assert "hush-hush" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    found = json.loads(done.stdout)["destination"]
    assert done.returncode == (1 if found["problem"] else 0)
    assert "\n" not in (found["problem"] or "")
    return found["problem"]


def nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.mark.slow
def test_a_warehouse_that_can_be_written_to_is_good_and_left_as_it_was(machine):
    assert problem(machine) is None
    assert machine.run("check").stdout.rstrip().endswith("reachable and writable")
    assert "nothing is loaded yet" in machine.run("status").stdout
    machine.load()
    assert problem(machine) is None


def meanwhile(machine, monkeypatch, happens):
    """Has something happen when a check has made its table, and before it drops it."""
    with machine.pipeline() as pipeline:
        client = type(pipeline.sql_client())
    execute, happened = client.execute_sql, []

    def execute_sql(self, sql, *arguments, **named):
        done = execute(self, sql, *arguments, **named)
        if str(sql).startswith("INSERT") and "instaview_check" in str(sql).lower() and not happened:
            happened.append(True)
            happens()
        return done

    monkeypatch.setattr(client, "execute_sql", execute_sql)


def test_a_first_load_that_begins_during_a_check_is_not_swept_away(sandbox, machine, monkeypatch):
    ids = sandbox.add("sourcing", 1)
    meanwhile(machine, monkeypatch, lambda: machine.load(*ids))
    assert problem(machine) is None
    assert machine.states() == dict.fromkeys(ids, "completed")


def test_two_checks_at_once_are_not_in_each_other_s_way_nor_is_what_a_killed_one_left(machine, monkeypatch):
    found = []
    meanwhile(machine, monkeypatch, lambda: found.append(problem(machine)))
    assert problem(machine) is None
    assert found == [None]


@pytest.mark.only_on("postgres")
def test_postgres_names_the_setting(machine):
    address = machine.warehouse.settings["DESTINATION__POSTGRES__CREDENTIALS"]
    port = re.search(r":(\d+)/", address)[1]

    def with_(place):
        return problem(machine, DESTINATION__POSTGRES__CREDENTIALS=place)

    place = "under [destination.postgres.credentials]"
    closed = with_(f"postgresql://owner:hush-hush@127.0.0.1:{nobody_listens()}/postgres")
    assert f"look at host, port {place}" in closed
    assert f"look at host {place}" in with_("postgresql://owner:hush-hush@no-such-host.invalid:5432/postgres")
    assert f"look at database {place}" in with_(f"postgresql://owner:hush-hush@127.0.0.1:{port}/elsewhere")
    assert f"look at username, password {place}" in with_(f"postgresql://nobody:hush-hush@127.0.0.1:{port}/postgres")


@pytest.mark.only_on("postgres")
def test_the_grants_of_the_script_suffice_on_postgres_and_fewer_are_told(sandbox, machine, caplog):
    script = (DOCS / "postgres.sql").read_text(encoding="utf-8")
    machine.sql("CREATE ROLE stranger LOGIN")
    owner = machine.warehouse.settings["DESTINATION__POSTGRES__CREDENTIALS"]

    def as_(role):
        return {"DESTINATION__POSTGRES__CREDENTIALS": owner.replace("owner", role)}

    said = problem(machine, **as_("stranger"))
    assert "permission denied" in said
    assert "docs/warehouses/postgres.sql" in said
    for statement in re.sub(r"--.*", "", script).split(";"):
        if statement.strip():
            machine.sql(
                statement.replace("instaview.", f"{machine.dataset}.").replace(
                    "SCHEMA instaview", f"SCHEMA {machine.dataset}"
                )
            )
    assert problem(machine, **as_("instaview_loader")) is None
    ids = sandbox.add("sourcing", 1)
    assert machine.load(*ids, **as_("instaview_loader"))["completed"] == 1
    assert machine.load(*ids, "--refresh", **as_("instaview_loader"))["completed"] == 1
    assert caplog.text == "", "views are created too"
    machine.sql("CREATE ROLE analyst LOGIN IN ROLE instaview_reader")
    read = machine.run("status", "--json", **as_("analyst"))
    assert json.loads(read.stdout)["requests"]["completed"] == 1, "new tables can be read by those who may"
    with machine.pipeline(**as_("analyst")) as pipeline, pipeline.sql_client() as client:
        view = client.make_qualified_table_name("run_health")
        assert client.execute_sql(f"SELECT * FROM {view}"), "and so can views"


def test_a_loader_that_may_create_no_views_is_told_in_a_note(machine, monkeypatch):
    with machine.pipeline() as pipeline:
        client = type(pipeline.sql_client())
    execute = client.execute_sql

    def execute_sql(self, sql, *arguments, **named):
        if str(sql).startswith("CREATE VIEW"):
            raise DatabaseTerminalException(PermissionError("permission denied"))
        return execute(self, sql, *arguments, **named)

    monkeypatch.setattr(client, "execute_sql", execute_sql)
    done = machine.run("check")
    assert done.returncode == 0
    assert "reachable and writable" in done.stdout
    assert "grant the loader to create views" in done.stdout
    assert "no views" in json.loads(machine.run("check", "--json").stdout)["destination"]["note"]


@pytest.mark.only_on("snowflake")
def test_snowflake_names_the_setting(machine):
    place = f"snowflake://loader:hush-hush@fakesnow/ANALYTICS?host=127.0.0.1&port={nobody_listens()}&protocol=http"
    closed = problem(machine, DESTINATION__SNOWFLAKE__CREDENTIALS=f"{place}&login_timeout=2")
    assert "look at host under [destination.snowflake.credentials]" in closed
    key = "&private_key_path=nowhere.p8"
    missing = problem(machine, DESTINATION__SNOWFLAKE__CREDENTIALS=place + key)
    assert "private_key" in missing


@pytest.mark.only_on("bigquery")
def test_bigquery_names_the_setting(machine):
    account = json.loads(machine.warehouse.settings["DESTINATION__BIGQUERY__CREDENTIALS"])
    bad = json.dumps({**account, "private_key": "hush-hush"})
    said = problem(machine, DESTINATION__BIGQUERY__CREDENTIALS=bad)
    assert "look at private_key, client_email under [destination.bigquery.credentials]" in said


@pytest.mark.only_on("bigquery")
def test_bigquery_s_client_does_not_warn_of_a_package_that_loads_can_do_without(machine, recwarn):
    assert machine.run("check").returncode == 0
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.only_on("duckdb")
def test_duckdb_names_the_file(machine):
    (machine.folder / "no.duckdb").write_text("this is no database" * 1000)
    said = problem(machine, DESTINATION__DUCKDB__CREDENTIALS=str(machine.folder / "no.duckdb"))
    assert "look at credentials under [destination.duckdb]" in said


@pytest.mark.only_on("postgres", "snowflake")
def test_settings_that_are_missing_are_named(machine):
    name = machine.warehouse.name
    said = problem(machine, **{f"DESTINATION__{name.upper()}__CREDENTIALS": None})
    assert f"{name}: missing settings:" in said
    assert f"[destination.{name}]" in said


@pytest.mark.only_on("postgres")
def test_a_setting_that_cannot_be_read_is_named_and_not_shown(machine):
    assert "cannot parse" in problem(machine, DESTINATION__POSTGRES__CREDENTIALS="zzz")
    said = problem(machine, DESTINATION__POSTGRES__CREDENTIALS=None, DESTINATION__POSTGRES__CREDENTIALS__PORT="zzz")
    assert "postgres: a setting is wrong: Configured value for field `port`" in said
    assert "zzz" not in said


def test_the_types_are_those_that_the_docs_tell(machine):
    header, _, *lines = re.search(r"\| model \|.*?\n\n", (DOCS / "README.md").read_text(), re.DOTALL)[0].splitlines()
    names = [cell.strip().lower() for cell in header.strip("|").split("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line]
    assert [row[0] for row in rows] == list(ARROW_TYPES)
    told = {row[0]: row[names.index(machine.warehouse.name)] for row in rows}
    with machine.pipeline() as pipeline:
        mapper = pipeline.destination_client().type_mapper
        table = {"name": "candidates", "columns": {}}
        found = {t: mapper.to_destination_type({"name": "c", "data_type": t}, table) for t in ARROW_TYPES}
    assert found == told


def test_columns_and_values_have_the_types_of_the_model_after_a_load(sandbox, machine):
    machine.load(*sandbox.add("sourcing", 1), *sandbox.add("enrichment", 2))
    with machine.pipeline() as pipeline, pipeline.destination_client() as client:
        found = dict(client.get_storage_tables([table.name for table in TABLES]))
    for table in TABLES:
        told = {name.lower(): column["data_type"] for name, column in found[table.name].items()}
        assert {c.name: told[c.name] for c in table.columns} == {c.name: c.type for c in table.columns}, table.name
    values = machine.sql(
        "SELECT success, match_score, position FROM {enrichment_profiles} WHERE match_score IS NOT NULL"
    )
    assert {tuple(map(type, row)) for row in values} == {(bool, float, int)}


@pytest.mark.only_on("postgres", "snowflake")
def test_a_warehouse_that_is_down_is_told_from_one_that_refuses(machine):
    name = machine.warehouse.name
    variable = f"DESTINATION__{name.upper()}__CREDENTIALS"
    address = machine.warehouse.settings[variable]
    down = re.sub(r":\d+/|port=\d+", lambda port: re.sub(r"\d+", nobody_listens(), port[0]), address)
    settings = {variable: f"{down}&login_timeout=2" if name == "snowflake" else down}
    with machine.pipeline(**settings) as pipeline, pytest.raises(DestinationFailed) as failed:
        read_status(pipeline)
    assert is_connection_error(failed.value.__context__), "a load keeps what it could not load yet, and tries again"


def execute(machine, sql):
    with machine.pipeline() as pipeline, warehouse_errors(pipeline), pipeline.sql_client() as client:
        client.execute_sql(sql)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    ("code", "name", "unreachable"),
    [
        ("53100", "DiskFull", False),
        ("53200", "OutOfMemory", False),
        ("54000", "ProgramLimitExceeded", False),
        ("55P03", "LockNotAvailable", False),
        ("57014", "QueryCanceled", False),
        ("53300", "TooManyConnections", True),
        ("57P01", "AdminShutdown", True),
        ("08006", "ConnectionFailure", True),
    ],
)
def test_what_a_server_refuses_is_not_taken_for_one_that_cannot_be_reached(machine, code, name, unreachable):
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(DestinationFailed) as failed:
        execute(machine, raising)
    assert name in {type(cause).__name__ for cause in _causes(failed.value.__context__)}
    assert is_connection_error(failed.value.__context__) is unreachable
    assert ("that it is reachable" in str(failed.value)) is unreachable


@pytest.mark.only_on("postgres")
def test_a_hash_index_takes_keys_that_a_btree_refuses(machine):
    sent = {SOURCING: {"requestId": SOURCING, "status": "completed", "candidates": [{"profileId": random_text(9_000)}]}}
    machine.load()
    told = re.search(r"`CREATE INDEX ON instaview(\.candidates .*?)`", (DOCS / "README.md").read_text())[1]
    machine.sql("CREATE INDEX odd ON {candidates} (candidate_id)")
    with pytest.raises(DestinationFailed, match=r"index row.*mend it"):
        machine.load_payloads(sent)
    taken = {"status": "completed", "candidates": [{"profileId": "p"}]}
    others = {f"req_00000000-0000-4000-8000-{number:012d}": taken for number in range(2, 7)}
    summary = machine.load_payloads({**others, **sent})
    assert (summary.completed, summary.error) == (5, 1), "it spoils no other"
    assert "index row" in machine.sql("SELECT error_message FROM {requests} WHERE error_code = 'RESULT_REFUSED'")[0][0]
    machine.sql(f"DROP INDEX {machine.dataset}.odd")
    machine.sql(f"CREATE INDEX ON {machine.dataset}{told}")
    assert machine.load_payloads(sent).completed == 1


def random_text(length):
    """A text that does not become shorter where a database packs it."""
    return "".join(random.Random(0).choices(string.ascii_letters + string.digits, k=length))


@pytest.mark.only_on("postgres", "snowflake", "bigquery")
def test_another_database_of_the_same_account_is_another_target(machine):
    settings = machine.warehouse.settings
    variable = f"DESTINATION__{machine.warehouse.name.upper()}__CREDENTIALS"
    elsewhere = re.sub(r"/ANALYTICS|/postgres$|analytics(?=\", \"client_email)", "/elsewhere", settings[variable])
    with machine.pipeline() as pipeline:
        here = target_of(pipeline)
    with machine.pipeline(**{variable: elsewhere.replace('"/elsewhere"', '"elsewhere"')}) as pipeline:
        assert target_of(pipeline) != here, "what was meant for one is not loaded into the other"
