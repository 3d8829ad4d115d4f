"""A local InstaView API with made-up people, for demos, tests and benchmarks.

    from instaview_sandbox import Fault, Sandbox, running

    sandbox = Sandbox(seed=7)
    sandbox.inject(Fault("status", status=503, times=2))
    with running(sandbox) as base_url:
        httpx.get(f"{base_url}/sourcing/{sandbox.request_ids[0]}/results",
                  headers={"Authorization": f"Bearer {sandbox.keys['full']}"})

Same seed, same requests, same people, same answers. Nobody in it exists.
"""

from .app import create_app
from .examples import EXAMPLES
from .faults import Fault
from .keys import ACME, GLOBEX, Company, Key
from .records import Call
from .sandbox import Sandbox
from .server import running, serve

__all__ = [
    "ACME",
    "EXAMPLES",
    "GLOBEX",
    "Call",
    "Company",
    "Fault",
    "Key",
    "Sandbox",
    "create_app",
    "running",
    "serve",
]
