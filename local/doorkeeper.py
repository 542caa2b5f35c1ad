"""Who may ask by either port: whoever names this machine and the port, and no page of another site.

A web page can let its own name lead to 127.0.0.1; the browser then takes this server for that
page's own, but still sends the page's name as `Host`. Of a page that asks under our name, it says
where the page is from: https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

from typing import Any

Scope = dict[str, Any]

_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""AWS's clients speak to an address without prefixing a bucket or an id to it."""
_HTTP_PORT = 80
_OWN_SITES = frozenset({b"same-origin", b"none"})
"""A page of this server, and somebody who typed the address."""


def is_for_us(scope: Scope) -> bool:
    """Whether the request was sent to this machine, by its own names, and to this port."""
    # A whole address in the request line would stand above the Host.
    is_path = bytes(scope.get("raw_path", b"/")).startswith(b"/")
    return is_path and _only(scope, b"host").lower() in _hosts(scope["server"][1])


def is_from_elsewhere(scope: Scope) -> bool:
    """Whether a page of another site or of another port asks; for a request that is for us."""
    origins, sites = (_values(scope, name) for name in (b"origin", b"sec-fetch-site"))
    own_origin = b"http://" + _only(scope, b"host").lower()
    return any(one.lower() != own_origin for one in origins) or bool(set(sites) - _OWN_SITES)


def _hosts(port: int) -> set[bytes]:
    with_port = {f"{name}:{port}".encode() for name in _NAMES}
    return with_port | ({name.encode() for name in _NAMES} if port == _HTTP_PORT else set())


def _only(scope: Scope, name: bytes) -> bytes:
    """The value of a header that must be there once, or nothing."""
    values = _values(scope, name)
    return values[0] if len(values) == 1 else b""


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [bytes(value) for key, value in scope["headers"] if key.lower() == name]
