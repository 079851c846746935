"""Negotiation of codings, and stored bodies."""

import gzip
import json
import sys
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compression import Coding, Negotiated, StoredBody, compress, negotiate_coding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    Coding.IDENTITY: bytes,
    Coding.GZIP: gzip.decompress,
    Coding.ZSTD: zstd.decompress,
}


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, Coding.IDENTITY),
        ("", Coding.IDENTITY),
        ("gzip", Coding.GZIP),
        ("GZIP", Coding.GZIP),
        ("x-gzip", Coding.GZIP),
        ("gzip, deflate, br", Coding.GZIP),
        ("gzip, deflate, br, zstd", Coding.ZSTD),
        ("zstd;q=0.5, gzip;q=0.8", Coding.GZIP),
        ("zstd ; q = 0.9 , gzip;q=0.8", Coding.ZSTD),
        ("gzip;q=0", Coding.IDENTITY),
        ("gzip;q=0.000, zstd", Coding.ZSTD),
        ("br, deflate", Coding.IDENTITY),
        ("identity", Coding.IDENTITY),
        ("identity, gzip;q=0.5", Coding.IDENTITY),
        ("identity;q=0.5, gzip", Coding.GZIP),
        ("gzip;q=0.001", Coding.GZIP),
        ("*", Coding.GZIP),
        ("*;q=0.5, zstd;q=0.1", Coding.GZIP),
        ("*, gzip;q=0", Coding.IDENTITY),
        ("gzip;q=odd", Coding.IDENTITY),
        ("gzip;q=7", Coding.GZIP),
        (",,;", Coding.IDENTITY),
    ],
)
def test_the_client_chooses_the_coding(header: str | None, coding: Coding) -> None:
    assert negotiate_coding(header) == Negotiated(coding)


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("identity;q=0, gzip", Coding.GZIP),
        ("gzip, *;q=0", Coding.GZIP),
        ("zstd;q=0.1, identity;q=0", Coding.ZSTD),
        ("identity;q=0", Coding.IDENTITY),
        ("*;q=0", Coding.IDENTITY),
    ],
)
def test_a_client_may_refuse_plain_bodies(header: str, coding: Coding) -> None:
    """With no acceptable coding at all, a plain body is still better than none."""
    assert negotiate_coding(header) == Negotiated(coding, plain=False)


@given(st.text(alphabet="gzipstd*;,= q.01é"))
def test_any_header_is_understood(header: str) -> None:
    assert negotiate_coding(header).coding in Coding


@pytest.mark.parametrize("coding", Coding)
@pytest.mark.parametrize("level", [1, 9])
def test_compressed_bodies_decompress_to_the_same_bytes(coding: Coding, level: int) -> None:
    body = json.dumps(list(range(1000))).encode()
    compressed = compress(body, coding, level)
    assert DECOMPRESS[coding](compressed) == body
    assert compress(body, coding, level) == compressed


@given(st.lists(st.binary(max_size=100)), st.integers(0, 3))
def test_a_stored_body_has_the_bytes_of_its_pieces(pieces: list[bytes], blocks: int) -> None:
    pieces = [*pieces, *[b"x" * 300_000] * blocks]
    expected = b"".join(pieces)
    stored = StoredBody(pieces)
    assert (stored.size, stored.plain()) == (len(expected), expected)
    assert b"".join(stored.pieces()) == expected
    assert all(len(piece) <= 1 << 18 for piece in stored.pieces())
    for coding in Coding:
        assert DECOMPRESS[coding](stored.encoded(coding)) == expected


def test_the_digest_of_a_stored_body_depends_on_its_content_alone() -> None:
    digests = {StoredBody(pieces).digest for pieces in ([b"ab", b"c"], [b"abc"], [b"", b"a", b"bc"])}
    assert len(digests) == 1
    assert StoredBody([b"abd"]).digest not in digests


def test_the_gzip_form_of_a_stored_body_is_made_once() -> None:
    stored = StoredBody([b"a" * 1000])
    assert (stored.is_ready(Coding.ZSTD), stored.is_ready(Coding.GZIP)) == (True, False)
    assert stored.encoded(Coding.GZIP) is stored.encoded(Coding.GZIP)
    assert stored.is_ready(Coding.GZIP)
