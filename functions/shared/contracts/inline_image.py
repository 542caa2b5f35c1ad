"""Images inside a request: what they are is told by their bytes, whatever their `data:` URL calls them."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

_BLANK = re.compile(r"\s+")
_URL_SAFE = str.maketrans("-_", "+/")
_FIRST_BYTES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""What all of the providers take: https://developers.openai.com/api/docs/guides/images-vision and
https://platform.claude.com/docs/en/build-with-claude/vision"""


def inline_image(url: str) -> str:
    """A `data:` URL with the image's own type and plain base64; any other URL as it is.

    RFC 2397 allows parameters before the base64, and percent signs in it. Raises `ValueError` for
    what is no image that every provider takes.
    """
    if not is_inline(url):
        return url
    head, comma, data = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ValueError('must be "data:image/…;base64," with the base64 of an image behind it')
    plain = _BLANK.sub("", unquote(data)).translate(_URL_SAFE).rstrip("=")
    padded = plain + "=" * (-len(plain) % 4)
    return f"data:{_media_type(padded)};base64,{padded}"


def is_inline(url: str) -> bool:
    return url[:5].lower() == "data:"


def _media_type(data: str) -> str:
    try:
        image = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be valid base64") from None
    for media_type, first_bytes in _FIRST_BYTES.items():
        if first_bytes.match(image):
            return media_type
    raise ValueError("must be a PNG, JPEG, GIF or WebP image, by its bytes")
