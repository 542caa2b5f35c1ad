import gzip
import inspect

import pytest
from ministack.services import apigateway_v1

from local.emulator.compression import compressed

API = {"minimumCompressionSize": 100}
BODY = b"long " * 50


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        *(("gzip", "gzip"), ("GZIP", "gzip"), ("br, gzip;q=0.1", "gzip"), ("*;q=0.5", "gzip")),
        *(("gzip;q=0.5, deflate", "deflate"), ("gzip;q=0, *", "deflate"), ("deflate", "deflate")),
        *(("identity, gzip;q=0.5", None), ("identity;q=0.1, gzip;q=0.5", "gzip")),
        *(("", None), ("br", None), ("*;q=0", None), ("gzip;q=0", None), ("gzip;q=x", None)),
        *(("gzip;q=nan", None), (";,;", None), ("gzip;;q=1", "gzip"), ("gzip ; q=1", "gzip")),
    ],
)
def test_the_encoding_is_what_the_request_accepts_most(accepted, encoding):
    headers, body = compressed(API, accepted, {"X": "y"}, BODY)
    assert (headers.get("Content-Encoding"), headers["X"]) == (encoding, "y")
    assert (body == BODY) is (encoding is None)


@pytest.mark.parametrize("length", [99, 100])
def test_a_body_is_compressed_from_the_apis_size_on(length):
    headers, body = compressed(API, "gzip", {}, b"a" * length)
    assert ("Content-Encoding" in headers) is (length == 100)
    assert (gzip.decompress(body) if headers else body) == b"a" * length


@pytest.mark.parametrize("api", [{}, {"minimumCompressionSize": None}])
def test_an_api_that_does_not_ask_for_it_compresses_nothing(api):
    assert compressed(api, "gzip", {}, BODY) == ({}, BODY)


@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding"])
def test_what_is_encoded_already_stays_as_it_is(name):
    assert compressed(API, "gzip", {name: "br"}, BODY) == ({name: "br"}, BODY)


def test_upstream_still_compresses_nothing():
    assert "gzip" not in inspect.getsource(apigateway_v1)
