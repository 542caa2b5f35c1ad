"""Addresses of images: a provider fetches them, and one may stand inside the operator's own network.

No name is looked up here, so that a public name of a private address passes: what fetches must
refuse those itself. Names are read as browsers read them (https://url.spec.whatwg.org/#host-parsing),
the most lenient reader that there is.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_PORTS = frozenset({None, 80, 443})
_MAX_HOST_CHARACTERS = 253
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A name that ends in one is an IPv4 address, in any of inet_aton's notations."""
_STRANGE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
"""Some readers drop them, some take a backslash for a slash."""
_PRIVATE = (
    "localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa",
    "localdomain",
)  # fmt: skip
"""RFC 6761, RFC 6762 with its appendix G, RFC 8375, and what resolvers put behind a bare name."""


def public_address(url: str) -> str:
    """The same again. Raises `ValueError` for an address that a caller has no business with."""
    if not url.startswith("http"):
        return url
    if _STRANGE.search(url):
        raise ValueError("must not hold blanks, control characters or backslashes")
    try:
        parts = urlsplit(url)
        name, port = _name_of(parts), parts.port
    except ValueError:
        raise ValueError("must have a host name") from None
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password")
    if port not in _PORTS:
        raise ValueError("must have no port but 80 or 443")
    _refuse_private(name)
    return url


def _name_of(parts: SplitResult) -> str:
    """As it is looked up: in ASCII and lower case, without a dot at its end."""
    name = parts.hostname or ""
    if len(name) > _MAX_HOST_CHARACTERS:
        raise ValueError
    if ":" in name:
        return name
    name = name.encode("idna").decode().lower().removesuffix(".")
    if not all(map(_LABEL.fullmatch, name.split("."))):
        raise ValueError
    return name


def _refuse_private(name: str) -> None:
    last = name.rpartition(".")[2]
    if ":" in name or _NUMBER.fullmatch(last):
        raise ValueError("must have a host name, not an IP address")
    if "." not in name or f".{name}".endswith(tuple(f".{private}" for private in _PRIVATE)):
        raise ValueError("must not lead into a private network")
