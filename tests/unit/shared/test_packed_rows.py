import json
import random
import zlib

from hypothesis import given
from hypothesis import strategies as st

from functions.shared.storage.request_log import packed, unpacked

ROW = {"request_id": "req_1", "cost_nano_usd": 7, "attempts": [{"model": "m"}], "usage": {"a": 0.5}}
TEXTS = st.one_of(st.text(), st.integers(0, 2**32).map(lambda seed: _noise(seed, 3_000)))


def _noise(seed, length):
    """What cannot be compressed."""
    return "".join(chr(number) for number in random.Random(seed).choices(range(32, 126), k=length))


@given(TEXTS)
def test_a_row_comes_back_as_it_was_whatever_is_in_it(text):
    row = ROW | {"prompt": text.encode("utf-8", "replace").decode()}
    assert unpacked(packed(row)) == row


@given(st.binary())
def test_no_block_begins_as_a_frame_does(data):
    press = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    assert not (press.compress(data) + press.flush()).startswith(b"\x78")


def test_a_row_of_an_earlier_version_is_read():
    details = {name: ROW[name] for name in ("attempts", "usage")}
    for level in (1, 6, 9):
        old = {"request_id": "req_1", "cost_nano_usd": 7}
        old["details"] = zlib.compress(json.dumps(details).encode(), level)
        assert unpacked(old) == ROW
