"""Bad input: each is refused with a clear status, and nothing falls."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import tempfile
from pathlib import Path

from saml2.xmldsig import DIGEST_SHA1, SIG_RSA_SHA1

from .browser import Page
from .cluster import TRUST_DOMAIN
from .idp import IdentityProvider, make_certificate
from .rpc import Connection, Directory, RPCError, messages
from .world import SESSION_COOKIE, World


def hostile_assertions(world: World) -> None:
    """Responses that a real IdP's keys did or did not sign, posted as IdP-initiated."""
    with world.verdict.step("Hostile SAML responses", "M8"):
        region, user = world.additional, world.mariner.user_name
        consumer = f"{world.portal(region)}/saml/acs"
        good = _response(world.idp, consumer, user)
        cases = {
            "an unsigned response": re.sub(
                rb"<(\w+:)?Signature .*?</(\w+:)?Signature>", b"", good, flags=re.S),
            "a response for another Region's consumer": _response(
                world.idp, f"{world.portal(world.primary)}/saml/acs", user),
            "a DTD": good.replace(
                b"?>", b'?><!DOCTYPE x [<!ENTITY e "e">]>', 1) if b"?>" in good[:60]
            else b'<!DOCTYPE x [<!ENTITY e "e">]>' + good,
            "two assertions": _two_assertions(good, user, world.engineer.user_name),
            "a wrapped signature": _wrapped(good, user, world.engineer.user_name),
            "an expired response": _response(world.idp, consumer, user, minutes=-10),
            "a response signed with SHA-1": _response(world.idp, consumer, user, sha1=True),
            "a response signed by another key": _with_another_key(world, consumer, user),
            "no XML at all": b"hello",
        }
        for what, response in cases.items():
            page = _post(world, consumer, response)
            world.verdict.check("M8", f"{what} is refused", page.status in range(400, 500)
                                and SESSION_COOKIE not in page.cookies,
                                f"{page.status} {page.text[:400]}")
        page = _post(world, consumer, good)
        world.verdict.check("M8", "and the untouched one is accepted",
                            world.landed(page, region, world.mariner), page.text)


def _post(world: World, consumer: str, response: bytes) -> Page:
    browser = world.browser()
    answer = browser.session.post(
        consumer, data={"SAMLResponse": base64.b64encode(response).decode()}, timeout=15,
        headers={"Origin": world.idp.url, "Referer": world.idp.url + "/"})
    page = Page(answer)
    page.cookies = {cookie.name for cookie in browser.session.cookies}
    return page


def _response(idp: IdentityProvider, consumer: str, user: str, minutes: int | None = None,
              sha1: bool = False) -> bytes:
    settings = {}
    if minutes is not None:
        settings["minutes"] = minutes
    if sha1:
        settings["algorithms"] = (SIG_RSA_SHA1, DIGEST_SHA1)
    page = idp.start(consumer, user, **settings)
    return base64.b64decode(re.search(r'name="SAMLResponse" value="([^"]+)"', page).group(1))


def _assertion(response: bytes) -> bytes:
    return re.search(rb"<(\w+:)?Assertion .*</(\w+:)?Assertion>", response, re.S).group(0)


def _forged(assertion: bytes, user: str, other: str) -> bytes:
    """A copy without signature that names somebody else, with an ID of its own."""
    bare = re.sub(rb"<(\w+:)?Signature .*?</(\w+:)?Signature>", b"", assertion, flags=re.S)
    return re.sub(rb' ID="[^"]+"', b' ID="id-forged"', bare, count=1).replace(
        user.encode(), other.encode())


def _two_assertions(response: bytes, user: str, other: str) -> bytes:
    genuine = _assertion(response)
    return response.replace(genuine, _forged(genuine, user, other) + genuine)


def _wrapped(response: bytes, user: str, other: str) -> bytes:
    """The forged assertion in the place of the genuine one, which hides inside its signature."""
    genuine = _assertion(response)
    forged = _forged(genuine, user, other)
    signature = re.search(rb"<(\w+:)?Signature .*?</(?:\w+:)?Signature>", genuine, re.S).group(0)
    prefix = re.match(rb"<(\w+:)?", signature).group(1) or b""
    bare = genuine.replace(signature, b"")
    inside = signature.replace(
        b"</" + prefix + b"Signature>",
        b"<" + prefix + b"Object>" + bare + b"</" + prefix + b"Object></" + prefix + b"Signature>")
    end = re.search(rb"</(\w+:)?Issuer>", forged).end()
    return response.replace(genuine, forged[:end] + inside + forged[end:])


def _with_another_key(world: World, consumer: str, user: str) -> bytes:
    """Same entity ID and metadata, but a key that the instance does not know."""
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = make_certificate(Path(directory), "other", "other.example.localhost")
        kept = world.idp.certificate, world.idp.key
        world.idp.certificate, world.idp.key = certificate, key
        try:
            return _response(world.idp, consumer, user, minutes=5)
        finally:
            world.idp.certificate, world.idp.key = kept


def hostile_connections(world: World) -> None:
    """Garbage, oversized frames and strangers at an RPC port."""
    with world.verdict.step("Strangers and garbage at the RPC ports", "M13"):
        check, region = world.verdict.check, world.additional
        address = world.cluster.address(region, "directory")
        check("M13", "without a client certificate nobody gets in",
              _closed(lambda: _tls(world, address, None)))
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = make_certificate(Path(directory), "stranger", "stranger")
            check("M13", "a certificate of another issuer does not get in",
                  _closed(lambda: _tls(world, address, (certificate, key))))
        check("M13", "garbage ends only its own connection", _closed(
            lambda: _raw(world, address, b"GET / HTTP/1.1\r\n\r\n" * 20)))
        check("M13", "a frame over the limit ends only its own connection", _closed(
            lambda: _raw(world, address, struct.pack(">I", 0x7FFFFFFF) + b"x" * 4096)))
        with world.directory(region) as connection:
            reason = _refusal(connection, "log.v1.Nothing/AtAll")
            check("M13", "an unknown method is refused, the connection goes on",
                  reason and Directory(connection).status().users, reason)
        coordinator = Connection(
            world.cluster.address(region, "coordinator"), world.operator,
            world.cluster.pki / "root.pem",
            f"spiffe://{TRUST_DOMAIN}/region/{region}/service/coordinator")
        with coordinator:
            reason = _refusal(coordinator, "coordinator.v1.Log/Append")
            check("M13", f"an operator may not append to the log ({reason})", reason)


def _refusal(connection: Connection, method: str) -> str:
    empty = messages("directory.v1.directory")
    try:
        connection.call(method, empty.GetStatusRequest(), empty.GetStatusResponse())
    except RPCError as refusal:
        return refusal.reason or str(refusal.status)
    return ""


def _tls(world: World, address: str, identity: tuple[Path, Path] | None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(world.cluster.pki / "root.pem")
    context.set_alpn_protocols(["portolan-rpc/1"])
    if identity:
        context.load_cert_chain(*identity)
    host, port = address.rsplit(":", 1)
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=10))


def _raw(world: World, address: str, data: bytes) -> ssl.SSLSocket:
    operator = world.operator
    connection = _tls(world, address, (operator / "certificate.pem", operator / "key.pem"))
    connection.sendall(data)
    return connection


def _closed(connect) -> bool:  # noqa: ANN001
    """Whether the other side ends the connection within ten seconds."""
    try:
        with connect() as connection:
            for _ in range(100):  # settings or a go-away may come first
                if not connection.recv(4096):
                    return True
            return False
    except TimeoutError:
        return False
    except OSError:
        return True

