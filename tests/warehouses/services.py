"""What stands for each warehouse here: PostgreSQL itself, and emulators of Snowflake and BigQuery.

Each emulator needs packages that neither the project nor the other can be installed with, so it gets an environment of
its own in `.warehouses/`, made once. All are started on free ports of the loopback interface and stopped afterwards.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
ENVIRONMENTS = Path(os.environ.get("INSTAVIEW_WAREHOUSES") or HERE.parents[1] / ".warehouses")

SNOWFLAKE_NEEDS = ("fakesnow[server]==0.12.1", "snowflake-connector-python<5", "sqlglot[c]==30.22.0", "duckdb==2.0.0")
BIGQUERY_NEEDS = ("bqemulator==1.4.0", "numpy", "sqlglot[c]==30.11.0", "duckdb==2.0.0")

START_SECONDS = 60.0


# ---------------------------------------------------------------------- emulators


@contextmanager
def snowflake() -> Iterator[dict[str, str]]:
    """fakesnow; the settings that lead dlt to it."""
    python = _environment("snowflake", SNOWFLAKE_NEEDS)
    port = _free_port()
    with _serving([python, str(HERE / "snowflake_server.py"), str(port)], port):
        place = f"snowflake://loader:any@fakesnow/ANALYTICS?host=127.0.0.1&port={port}&protocol=http"
        yield {
            "DESTINATION__SNOWFLAKE__CREDENTIALS": place,
            # each connection would ask the addresses of three clouds whether it runs there
            "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
        }


@contextmanager
def bigquery() -> Iterator[dict[str, str]]:
    """bqemulator; the settings that lead dlt to it, with a service account as in production."""
    python = _environment("bigquery", BIGQUERY_NEEDS)
    port = _free_port()
    command = [python, str(HERE / "bigquery_server.py"), "start", "--rest-port", str(port)]
    with _no_look_up_at_google(), _serving([*command, "--grpc-port", str(_free_port()), "--log-level", "error"], port):
        address = f"http://127.0.0.1:{port}"
        account = {
            "type": "service_account",
            "project_id": "analytics",
            "client_email": "loader@analytics.iam.gserviceaccount.com",
            "private_key": _new_private_key(),
            "token_uri": f"{address}/token",
        }
        yield {
            "BIGQUERY_EMULATOR_HOST": address,
            "DESTINATION__BIGQUERY__CREDENTIALS": json.dumps(account),
            "DATA_WRITER__DISABLE_COMPRESSION": "true",  # the emulator reads no compressed files
        }


@contextmanager
def _no_look_up_at_google() -> Iterator[None]:
    """Google's library asks Google where a service account may be used from, whatever the account's own addresses."""
    from google.auth.credentials import CredentialsWithRegionalAccessBoundary as Credentials

    asks = Credentials._is_regional_access_boundary_lookup_required
    Credentials._is_regional_access_boundary_lookup_required = lambda self: False
    try:
        yield
    finally:
        Credentials._is_regional_access_boundary_lookup_required = asks


def _environment(name: str, needs: Sequence[str]) -> str:
    """The Python of an emulator's environment, which is made where it is not there or needs something else."""
    folder = ENVIRONMENTS / name
    made, wanted = folder / "made", "\n".join(needs)
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not made.is_file() or made.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *needs], check=True)
            made.write_text(wanted)
    return str(folder / "bin/python")


@contextmanager
def _serving(command: list[str], port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, env={**os.environ, "HOME": home})
        try:
            give_up = time.monotonic() + START_SECONDS
            while not _answers(port):
                if server.poll() is not None or time.monotonic() > give_up:
                    log.seek(0)
                    raise RuntimeError(f"{command[1]} did not start:\n{log.read()[-3000:]}")
                time.sleep(0.1)
            yield
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    # short, for each connection checks it: with 2048 bits that takes as long as all else a load does here
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


# ---------------------------------------------------------------------- PostgreSQL


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A PostgreSQL server of its own, with nothing in it; the settings that lead dlt to it."""
    user, port = _user_of_postgres(), _free_port()
    folder = Path(tempfile.mkdtemp(prefix="instaview-postgres-"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data, log = str(folder / "data"), str(folder / "log")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        start = ["-D", data, "-l", log, "-w", "-o", options, "start"]
        _postgres("initdb", ["-D", data, "-U", "owner", "--auth=trust", "-E", "UTF8", "--locale=C"], user, folder)
        _postgres("pg_ctl", start, user, folder)
        try:
            yield {"DESTINATION__POSTGRES__CREDENTIALS": f"postgresql://owner:any@127.0.0.1:{port}/postgres"}
        finally:
            _postgres("pg_ctl", ["-D", data, "-m", "immediate", "stop"], user, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres(program: str, arguments: list[str], user: pwd.struct_passwd | None, folder: Path) -> None:
    as_user = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with (folder / f"{program}.out").open("a+") as out:  # the server keeps what it is given, so no pipe
        done = subprocess.run(
            [_program(program), *arguments], stdout=out, stderr=out, cwd=folder, check=False, **as_user
        )  # type: ignore[call-overload]
        if done.returncode:
            out.seek(0)
            raise RuntimeError(f"{program} failed:\n{out.read()[-3000:]}")


def _user_of_postgres() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _program(name: str) -> str:
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)
    if found is None:
        raise RuntimeError(
            f"{name} is not installed; PostgreSQL's server has it, on Debian: apt-get install postgresql"
        )
    return found


if __name__ == "__main__":
    for emulator, its_needs in (("snowflake", SNOWFLAKE_NEEDS), ("bigquery", BIGQUERY_NEEDS)):
        _environment(emulator, its_needs)
