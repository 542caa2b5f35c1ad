from typing import Any

import pytest

from functions.classify.parsing import parse_request
from functions.shared.contracts.image_address import public_address
from functions.shared.errors import InvalidRequest

PUBLIC = [
    "https://example.com/cat.jpg",
    "http://example.com",
    "https://EXAMPLE.com:443/a?b=@c#d@e",
    "http://example.com:80/",
    "https://example.com./cat.jpg",
    "https://a_b.example.co.uk/%5c/..%2f",
    "https://bücher.example/bild.png",
    "https://xn--bcher-kva.example/",
    "https://127.0.0.1.example.com/",
    "https://localhost.example.com/",
    "https://internal-docs.example.com/10.0.0.1",
    "https://1.2.3.4a/",
    "data:image/png;base64,QUJD",
]
ADDRESSES = [
    "127.0.0.1", "169.254.169.254", "10.0.0.1", "8.8.8.8", "0", "0.0.0.0", "2130706433", "0x7f000001",
    "0x7f.1", "0X7F.0.0.1", "017700000001", "0177.0.0.01", "127.1", "127.0.1", "127.0.0.1.", "0x",
    "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "169.254.169.254:80", "1.2.3.256",
    "[::1]", "[::ffff:127.0.0.1]", "[fd00:ec2::254]", "[::]:443", "[2606:4700::1111]",
]  # fmt: skip
PRIVATE = [
    "localhost", "LOCALHOST", "localhost.", "lo\u00adcalhost", "ｌｏｃａｌｈｏｓｔ", "app.localhost", "intranet",
    "kubernetes.default.svc.cluster.local", "printer.local", "metadata.google.internal",
    "METADATA.GOOGLE.INTERNAL.", "wiki.corp", "nas.lan", "router.home.arpa", "box.home", "a.private",
    "db.localdomain", "metadata.google。internal", "a.intranet:443",
]  # fmt: skip
BROKEN = [
    "https:///x", "https://", "https://.", "https://..", "https://a..com", "https://.example.com",
    "https://example.com..", "https://%31%32%37.0.0.1/", "https://loc%61lhost/", "https://[::1",
    "https://[fe80::1%25eth0]/", "https://[::1]x/", "https://exa mple.com", "https://a\tb.com/",
    "https://example.com\\@169.254.169.254/", "http://\\\\localhost/", "https://example.com:99999/",
    "https://example.com:x/", "https://" + "a" * 64 + ".com", "https://" + "a." * 200 + "com",
    "https://" + "ü" * 200_000 + ".com", "https://a{b}.com", "https://ex\u2100ample.com/", "https://a\x00.com",
    "https://a\u2028b.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_name_passes_as_it_is(url):
    assert public_address(url) == url


@pytest.mark.parametrize("host", ADDRESSES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_ip_address_in_any_notation_is_refused(scheme, host):
    with pytest.raises(ValueError, match="IP address"):
        public_address(f"{scheme}://{host}/latest/meta-data")


@pytest.mark.parametrize("host", PRIVATE)
def test_a_name_of_a_private_network_is_refused(host):
    with pytest.raises(ValueError, match="private network"):
        public_address(f"https://{host}/a.png")


@pytest.mark.parametrize("url", BROKEN, ids=lambda url: ascii(url)[:50])
def test_what_readers_could_take_for_different_hosts_is_refused(url):
    with pytest.raises(ValueError, match="must"):
        public_address(url)


@pytest.mark.parametrize("url", ["https://me:secret@example.com/", "https://@example.com/",
                                 "https://example.com@169.254.169.254/"])  # fmt: skip
def test_an_address_with_a_user_or_a_password_is_refused(url):
    with pytest.raises(ValueError, match=r"password|IP address"):
        public_address(url)


@pytest.mark.parametrize("port", [0, 22, 2375, 6379, 8000, 8080, 8443])
def test_a_port_of_another_service_is_refused(port):
    with pytest.raises(ValueError, match="port"):
        public_address(f"https://example.com:{port}/")


@pytest.mark.parametrize(
    "url",
    [*(f"http://{host}/" for host in ADDRESSES + PRIVATE), *BROKEN, "file:///etc/passwd", "ftp://a.com/b",
     "http:/\\localhost", "https:example.com", "//example.com/a.png", "javascript:1", "data:text/html,a"],
    ids=lambda url: ascii(url)[:50],
)  # fmt: skip
def test_the_door_refuses_it_at_its_place_without_repeating_it(url):
    image = {"type": "image_url", "image_url": {"url": url}}
    message: Any = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}
    with pytest.raises(InvalidRequest) as refused:
        parse_request({"messages": [message], "task": "chat"})
    (problem,) = refused.value.details
    assert problem["field"] == "messages.0.content.1.image_url.url"
    assert url not in problem["problem"]
