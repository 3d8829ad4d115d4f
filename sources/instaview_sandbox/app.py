"""The sandbox as an ASGI application: the documented endpoints, and the administration beside them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from .admin import Admin
from .endpoints import ENDPOINTS
from .gate import Gate
from .sandbox import Sandbox

__all__ = ["create_app"]


def create_app(sandbox: Sandbox) -> Starlette:
    """The application of one sandbox, for any ASGI server or `httpx.ASGITransport`.

    Resets and cut-off bodies are real under `running` and `serve` only, for they need a connection.
    """
    routes = [Route(e.path, Gate(sandbox, e), methods=[e.method]) for e in ENDPOINTS]
    return Starlette(routes=[*Admin(sandbox).routes(), *routes, Route("/{path:path}", Gate(sandbox))])
