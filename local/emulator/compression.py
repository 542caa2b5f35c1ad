"""The gateway's compression of answers, which an API asks for by its minimumCompressionSize.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from typing import Any

_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
}


def compressed(
    api: Mapping[str, Any], accepted: str, headers: dict[str, Any], body: bytes
) -> tuple[dict[str, Any], bytes]:
    """Headers and body in the encoding that the request accepts most, or as they are.

    `accepted` is the request's Accept-Encoding.
    """
    least = api.get("minimumCompressionSize")
    if least is None or len(body) < int(least) or _is_encoded(headers):
        return headers, body
    encoding = _best(accepted)
    if encoding is None:
        return headers, body
    return {**headers, "Content-Encoding": encoding}, _ENCODERS[encoding](body)


def _is_encoded(headers: Mapping[str, Any]) -> bool:
    return any(name.lower() == "content-encoding" for name in headers)


def _best(accepted: str) -> str | None:
    weights = dict(map(_weighed, accepted.lower().split(",")))
    known = {name: weights.get(name, weights.get("*", 0.0)) for name in _ENCODERS}
    best = max(known, key=known.__getitem__)
    return best if known[best] > 0 and known[best] >= weights.get("identity", 0.0) else None


def _weighed(entry: str) -> tuple[str, float]:
    """A name and its weight, which is 1 unless it is given, and 0 where it cannot be read."""
    name, *parameters = (part.strip() for part in entry.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 0.0
