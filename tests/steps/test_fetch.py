"""Addresses that strangers name: what is fetched, what is refused, and that nothing inside is reached by a detour."""

from __future__ import annotations

import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import Settings

from tests.steps.web_server import say, serving
from transcription.errors import BadInput, NotAnswered, ServiceUnavailable
from transcription.steps import fetch as fetching
from transcription.steps.fetch import fetch, fetch_bytes, post
from transcription.steps.reachable import addresses_of, checked_url, is_public

SMALL: dict[str, Any] = {"max_bytes": 100_000, "seconds": 5.0}


@pytest.fixture
def web(settings: Settings) -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Start a listed server with the given answers; returns its address."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
            address = stack.enter_context(serving(answer))
            settings.FETCH_HOSTS = (*settings.FETCH_HOSTS, urlsplit(address).netloc)
            return address

        yield start


@pytest.fixture(autouse=True)
def nothing_listed(settings: Settings) -> None:
    settings.FETCH_HOSTS = ()


INSIDE = """127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200
    192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    ::1 :: fe80::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 2002:7f00:1::
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2001:0:7f00:1:: fec0::1"""
OUTSIDE = "93.184.216.34 8.8.8.8 2606:2800:220:1:248:1893:25c8:1946 ::ffff:8.8.8.8 64:ff9b::808:808"
NO_ADDRESSES = """file:///etc/passwd ftp://example.org/ gopher://example.org:70/ data:text/plain,x //example.org/x
    example.org http:///x https:// https://me:secret@example.org/ https://example.org:22/ https://example.org:99999/
    https://example.org:0/ javascript:alert(1) https://exa\x00mple.org/ https://[::1"""


def test_addresses_inside_are_not_public_and_those_outside_are() -> None:
    assert [each for each in INSIDE.split() if is_public(ipaddress.ip_address(each))] == []
    assert [each for each in OUTSIDE.split() if not is_public(ipaddress.ip_address(each))] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8000/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/latest/meta-data/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0/",
    ],
)
def test_ways_to_write_an_address_inside_are_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        fetch_bytes(url, plain_http=True, **SMALL)
    assert caught.value.code == "address-refused", caught.value.message
    assert "LONGHAND_FETCH_HOSTS" in caught.value.message


@pytest.mark.parametrize("url", ["", "h" * 3000, *NO_ADDRESSES.split()])
def test_what_is_no_address_of_the_web_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked_url(url, plain_http=True)
    assert caught.value.code == "wrong-url"
    assert "secret" not in caught.value.message


def test_plain_http_is_for_those_who_ask_and_for_listed_hosts(settings: Settings) -> None:
    with pytest.raises(BadInput, match="https"):
        checked_url("http://example.org/", plain_http=False)
    assert checked_url("http://example.org/", plain_http=True).host == "example.org"
    settings.FETCH_HOSTS = ("iiif.intern",)
    assert checked_url("http://IIIF.intern:81/x", plain_http=False).port == 81


def test_networks_and_hosts_that_are_listed_may_be_called(settings: Settings) -> None:
    settings.FETCH_HOSTS = ("127.0.0.0/8",)
    assert addresses_of(checked_url("https://127.0.0.1:8443/", plain_http=False)) == ["127.0.0.1"]
    with pytest.raises(BadInput):
        addresses_of(checked_url("https://[::1]:8443/", plain_http=False))


def test_a_file_comes_whole_with_its_digest_through_redirects(
    web: Callable[..., str], tmp_path: Path, settings: Settings
) -> None:
    body = bytes(range(256)) * 300

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/a":
            say(handler, status=302, Location="/b")
        else:
            say(handler, body, Content_Type="Image/JPEG; charset=x")

    address = web(answer)
    fetched = fetch(f"{address}/a", tmp_path / "x", **SMALL)
    assert (tmp_path / "x").read_bytes() == body
    assert (fetched.url, fetched.content_type, fetched.size) == (f"{address}/b", "image/jpeg", len(body))


def test_redirects_are_checked_like_first_addresses_and_end(web: Callable[..., str], tmp_path: Path) -> None:
    reached = []

    def inside(handler: BaseHTTPRequestHandler) -> None:
        reached.append(handler.path)
        say(handler, b"secret")

    with serving(inside) as unlisted:
        targets = {"/in": unlisted, "/file": "file:///etc/passwd", "/meta": "http://169.254.169.254/", "/loop": "/loop"}
        address = web(lambda handler: say(handler, status=302, Location=targets[handler.path]))
        for path, code in {
            "/in": "address-refused",
            "/file": "wrong-url",
            "/meta": "address-refused",
            "/loop": "too-many-redirects",
        }.items():
            with pytest.raises(BadInput) as caught:
                fetch(address + path, tmp_path / "x", plain_http=True, **SMALL)
            assert caught.value.code == code
            assert not (tmp_path / "x").exists()
    assert reached == []


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address(
    web: Callable[..., str], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """A name server that says something else the second time (rebinding) is not asked a second time."""
    address = web(lambda handler: say(handler, handler.headers["Host"].encode()))
    port = urlsplit(address).port
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, *rest: Any, **options: Any) -> list[Any]:
        if host == "127.0.0.1":  # the socket's own way to read an address
            return real(host, *rest, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.9.9.9", port))]

    settings.FETCH_HOSTS = ("127.0.0.1/32",)
    monkeypatch.setattr("transcription.steps.reachable.socket.getaddrinfo", rebinding)
    body, _ = fetch_bytes(f"http://rebound.example:{port}/", plain_http=True, **SMALL)
    assert body == f"rebound.example:{port}".encode()
    assert asked == ["rebound.example"]
    with pytest.raises(BadInput) as caught:
        fetch_bytes(f"http://rebound.example:{port}/", plain_http=True, **SMALL)
    assert caught.value.code == "address-refused"


def test_size_is_limited_whatever_is_declared_or_packed(web: Callable[..., str], tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/declared":
            say(handler, b"x" * 100_001)
        elif handler.path == "/bomb":
            say(handler, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")
        elif handler.path == "/nested":
            say(handler, gzip.compress(gzip.compress(bytes(50_000_000))), Content_Encoding="gzip, gzip")
        elif handler.path == "/packed":
            say(handler, gzip.compress(b"packed unasked"), Content_Encoding="gzip")
        elif handler.path == "/cut":
            say(handler, gzip.compress(b"packed unasked")[:-9], Content_Encoding="gzip")
        else:  # no length is told
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            try:
                for _ in range(200):
                    handler.wfile.write(b"x" * 1000)
            except OSError:
                pass
            handler.close_connection = True

    address = web(answer)
    for path in ("/declared", "/bomb", "/endless"):
        with pytest.raises(BadInput) as caught:
            fetch(address + path, tmp_path / "x", **SMALL)
        assert caught.value.code == "too-large"
        assert not (tmp_path / "x").exists()
    with pytest.raises(BadInput) as caught:
        fetch_bytes(f"{address}/nested", **SMALL)
    assert caught.value.code == "encoded"
    assert fetch_bytes(f"{address}/packed", **SMALL)[0] == b"packed unasked"
    with pytest.raises(ServiceUnavailable):
        fetch_bytes(f"{address}/cut", **SMALL)


def test_a_server_that_drips_is_left_when_the_time_is_over(web: Callable[..., str]) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            if handler.path == "/body":
                handler.send_response(200)
                handler.send_header("Connection", "close")
                handler.end_headers()
            for _ in range(100):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass
        handler.close_connection = True

    address = web(drip)
    for path in ("/body", "/headers"):
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="too slow"):
            fetch_bytes(address + path, max_bytes=1000, seconds=0.3)
        assert time.monotonic() - began < 2


def test_statuses_say_whether_to_try_again_and_when(web: Callable[..., str]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, _, pause = handler.path[1:].partition("-")
        say(handler, status=int(status), **({"Retry_After": pause.replace("_", " ")} if pause else {}))

    address = web(answer)
    for path, expected in {
        "429-7": 7.0,
        "503": None,
        "503-Wed,_01_Jan_2020_00:00:00_GMT": 0.0,
        "500-soon": None,
    }.items():
        with pytest.raises(NotAnswered) as busy:
            fetch_bytes(f"{address}/{path}", **SMALL)
        assert busy.value.pause == expected
    for path in ("404", "403", "410", "400"):
        with pytest.raises(BadInput) as caught:
            fetch_bytes(f"{address}/{path}", **SMALL)
        assert caught.value.code == "not-fetched"


def test_silence_and_nonsense_are_passing_troubles(settings: Settings) -> None:
    settings.FETCH_HOSTS = ("127.0.0.1",)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceUnavailable):
            fetch_bytes(f"http://127.0.0.1:{closed.getsockname()[1]}/", **SMALL)
    with pytest.raises(BadInput) as caught:
        fetch_bytes("https://no-such-host.invalid/", **SMALL)
    assert caught.value.code in {"no-such-host"}


def test_a_post_is_sent_once_and_its_answer_is_kept_short(web: Callable[..., str]) -> None:
    received = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        received.append((handler.headers["X-Signature"], handler.rfile.read(int(handler.headers["Content-Length"]))))
        say(handler, b"y" * 100_000, status=302, Location="/elsewhere")

    address = web(answer)
    told = post(f"{address}/hook", body=b'{"a": 1}', headers={"X-Signature": "abc"}, seconds=5)
    assert (told.status, len(told.body)) == (302, fetching.KEPT_OF_AN_ANSWER)
    assert received == [("abc", b'{"a": 1}')]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_certificates_are_checked_against_the_name_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ["-subj", "/CN=iiif.intern", "-addext", "subjectAltName=DNS:iiif.intern"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *names]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fetching._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        "transcription.steps.reachable.socket.getaddrinfo", lambda _host, *rest, **kw: real("127.0.0.1", *rest, **kw)
    )
    settings.FETCH_HOSTS = ("127.0.0.0/8",)
    with serving(lambda handler: say(handler, b"safe"), tls=context) as address:
        port = urlsplit(address).port
        assert fetch_bytes(f"https://iiif.intern:{port}/", **SMALL)[0] == b"safe"
        with pytest.raises(ServiceUnavailable, match="certificate"):
            fetch_bytes(f"https://other.intern:{port}/", **SMALL)
    fetching._tls.cache_clear()
