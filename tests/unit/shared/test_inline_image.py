import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.contracts.inline_image import inline_image

HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x04\x00\x00\x00WEBP",
}
LABELS = [
    "image/jpg", "image/pjpeg", "image/png", "IMAGE/JPEG", "image/x-icon", "text/plain", "",
    "image/png;charset=utf-8", "image/gif;name=a.gif",
]  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("media_type", HEADS)
def test_an_image_is_what_its_bytes_are(label, media_type):
    data = base64.b64encode(HEADS[media_type] + b"\x00" * 7).decode()
    assert inline_image(f"data:{label};base64,{data}") == f"data:{media_type};base64,{data}"


@given(st.binary(), st.sampled_from(sorted(HEADS)), st.booleans())
def test_base64_in_any_alphabet_with_breaks_and_without_padding_is_the_same_image(
    rest, media_type, is_quoted
):
    plain = base64.b64encode(HEADS[media_type] + rest).decode()
    safe = base64.urlsafe_b64encode(HEADS[media_type] + rest).decode().rstrip("=")
    broken = "%0A".join(safe[at : at + 60] for at in range(0, len(safe), 60))
    data = broken if is_quoted else broken.replace("%0A", "\r\n ")
    assert inline_image(f"DATA:;BASE64,{data}") == f"data:{media_type};base64,{plain}"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("data:image/png,abc", "base64"),
        ("data:image/png;base64", "base64"),
        ("data:image/png;base64,", "by its bytes"),
        ("data:image/png;base64,@@@@", "valid base64"),
        ("data:image/png;base64,iVBOR", "valid base64"),
        ("data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=", "by its bytes"),
        ("data:image/webp;base64,UklGRgAAAABXQVZF", "by its bytes"),
    ],
)
def test_what_is_no_image_that_providers_take_is_refused_with_the_reason(url, problem):
    with pytest.raises(ValueError, match=problem):
        inline_image(url)


def test_an_address_is_left_alone():
    assert inline_image("https://example.com/data:a.png") == "https://example.com/data:a.png"
