"""A real SAML 2.0 identity provider for the demo, on pysaml2 and xmlsec1, with its own keys.

It serves metadata, takes AuthnRequests by redirect or POST, starts sign-ins by itself, and shows a
sign-in page where a person of the organisation is chosen. It asks for no password: it stands in for
the company's Okta or Entra ID, whose sign-in is not what the demo is about.
"""

from __future__ import annotations

import datetime
import html
import http.server
import secrets
import ssl
import threading
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_EMAILADDRESS, NameID
from saml2.server import Server
from saml2.sigver import get_xmlsec_binary
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from .idp_pages import chooser_page, error_page, tiles_page

HOST = "idp.example.localhost"


def make_certificate(directory: Path, name: str, host: str) -> tuple[Path, Path]:
    """A self-signed RSA certificate of ten days; the key is readable by its owner only."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256()))
    certificate_path, key_path = directory / f"{name}.pem", directory / f"{name}-key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.touch(mode=0o600)
    key_path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption()))
    return certificate_path, key_path


class IdentityProvider:
    """The IdP: its keys, what it knows of the service provider, and its sign-ins."""

    def __init__(self, directory: Path, port: int, people: list[str]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.people = people
        self.tls_certificate, self.tls_key = make_certificate(directory, "https", HOST)
        self.certificate, self.key = make_certificate(directory, "signing", HOST)
        self._server: http.server.ThreadingHTTPServer | None = None
        self._bind(port)
        self.entity_id = f"{self.url}/metadata"
        self.lock = threading.Lock()  # pysaml2's server keeps state of its own
        self.sessions: dict[str, str] = {}
        self.tiles: list[tuple[str, str]] = []  # bookmark applications: name, address
        self.service_provider: str | None = None
        self.known_metadata: str | None = None
        self.core = Server(config=self._config(None))

    def _bind(self, port: int) -> None:
        handler = type("Handler", (_Handler,), {"idp": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls_certificate, self.tls_key)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self.url = f"https://{HOST}:{server.server_address[1]}"

    def _config(self, metadata: str | None, minutes: int = 5) -> IdPConfig:
        settings = {
            "entityid": self.entity_id,
            "xmlsec_binary": get_xmlsec_binary(["/usr/bin"]),
            "key_file": str(self.key),
            "cert_file": str(self.certificate),
            "service": {"idp": {
                "name": "Demo identity provider",
                "endpoints": {"single_sign_on_service": [
                    (f"{self.url}/sso", BINDING_HTTP_REDIRECT),
                    (f"{self.url}/sso/post", BINDING_HTTP_POST),
                ]},
                "name_id_format": [NAMEID_FORMAT_EMAILADDRESS],
                "want_authn_requests_signed": False,
                "policy": {"default": {
                    "lifetime": {"minutes": minutes},
                    "name_form": NAME_FORMAT_URI,
                    "attribute_restrictions": None,
                    "sign_assertion": True,
                    "sign_response": False,
                }},
            }},
        }
        if metadata:
            settings["metadata"] = {"inline": [metadata]}
        return IdPConfig().load(settings)

    @property
    def metadata(self) -> str:
        """The metadata document to upload to the instance."""
        return str(entity_descriptor(self._config(None)))

    def trust(self, metadata: str) -> None:
        """Takes the service provider's metadata, replacing what was known before."""
        core = Server(config=self._config(metadata))
        with self.lock:
            self.core = core
            self.known_metadata = metadata
            self.service_provider = next(iter(core.metadata.service_providers()))

    def assertion_consumers(self) -> list[str]:
        """The ACS addresses of the trusted metadata, in its order."""
        with self.lock:
            if not self.service_provider:
                return []
            services = self.core.metadata.assertion_consumer_service(
                self.service_provider, binding=BINDING_HTTP_POST)
        return [service["location"] for service in services]

    def answer(self, request: str, binding: str, user: str, relay_state: str) -> str:
        """The page that posts a signed response to an AuthnRequest. Raises on a bad request."""
        with self.lock:
            parsed = self.core.parse_authn_request(request, binding)
            arguments = self.core.response_args(parsed.message, [BINDING_HTTP_POST])
            return self._respond(user, relay_state, arguments["in_response_to"],
                                 arguments["destination"], arguments["sp_entity_id"])

    def start(self, consumer: str, user: str, relay_state: str = "", minutes: int | None = None,
              algorithms: tuple[str, str] = (SIG_RSA_SHA256, DIGEST_SHA256)) -> str:
        """The page that posts an unsolicited response (IdP-initiated).

        For tests, minutes and algorithms make a response that the service provider must refuse.
        """
        if consumer not in self.assertion_consumers():
            raise ValueError(f"{consumer} is not in the service provider's metadata")
        with self.lock:
            core = self.core
            if minutes is not None:
                core = Server(config=self._config(self.known_metadata, minutes))
            return self._respond(
                user, relay_state, None, consumer, self.service_provider, core, algorithms)

    def _respond(self, user: str, relay_state: str, in_response_to: str | None,
                 destination: str, audience: str, core: Server | None = None,
                 algorithms: tuple[str, str] = (SIG_RSA_SHA256, DIGEST_SHA256)) -> str:
        core = core or self.core
        response = core.create_authn_response(
            {"mail": [user]}, in_response_to, destination, audience,
            name_id=NameID(format=NAMEID_FORMAT_EMAILADDRESS, text=user), userid=user,
            authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
                   "authn_auth": self.entity_id},
            sign_assertion=True, sign_response=False,
            sign_alg=algorithms[0], digest_alg=algorithms[1])
        applied = core.apply_binding(
            BINDING_HTTP_POST, str(response), destination, relay_state, response=True)
        return applied["data"]

    def serve(self) -> None:
        """Serves in the background until stop()."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def resume(self) -> None:
        """Serves again after stop(), at the same address."""
        self._bind(self._server.server_address[1])
        self.serve()


class _Handler(http.server.BaseHTTPRequestHandler):
    idp: IdentityProvider
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:  # noqa: N802 - the name http.server calls
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        self._dispatch(address.path, query)

    def do_POST(self) -> None:  # noqa: N802
        length = int(self.headers.get("Content-Length", "0"))
        if length > 200_000:
            return self._send(413, error_page("The request is too large."))
        body = self.rfile.read(length).decode("utf-8", "replace")
        fields = {key: values[0] for key, values in parse_qs(body, True).items()}
        return self._dispatch(urlsplit(self.path).path, fields)

    def _dispatch(self, path: str, given: dict[str, str]) -> None:
        try:
            match path:
                case "/metadata":
                    self._send(200, self.idp.metadata, "application/samlmetadata+xml")
                case "/sso" | "/sso/post":
                    binding = BINDING_HTTP_POST if path.endswith("post") else BINDING_HTTP_REDIRECT
                    self._sign_in({**given, "binding": binding})
                case "/login":
                    self._login(given)
                case "/launch":
                    self._sign_in(given)
                case "/sign-out":
                    self.idp.sessions.pop(self._cookie(), None)
                    self._redirect("/")
                case "/":
                    self._send(200, tiles_page(
                        self.idp.sessions.get(self._cookie()),
                        [(urlsplit(consumer).hostname, f"/launch?acs={quote(consumer, safe='')}")
                         for consumer in self.idp.assertion_consumers()], self.idp.tiles))
                case _:
                    self._send(404, error_page("There is no such page."))
        except Exception as failure:  # noqa: BLE001 - shown to the person who signs in
            self._send(400, error_page(f"{type(failure).__name__}: {failure}"))

    def _sign_in(self, given: dict[str, str]) -> None:
        user = self.idp.sessions.get(self._cookie())
        if user:
            self._finish(user, given)
        else:
            self._send(200, chooser_page(self.idp.people, given))

    def _login(self, given: dict[str, str]) -> None:
        user = (given.get("pick") or given.get("user", "")).strip()
        if not user:
            return self._send(200, chooser_page(self.idp.people, given))
        identifier = secrets.token_urlsafe(24)
        self.idp.sessions[identifier] = user
        return self._finish(user, given, cookie=identifier)

    def _finish(self, user: str, given: dict[str, str], cookie: str | None = None) -> None:
        relay_state = given.get("RelayState", "")
        if given.get("SAMLRequest"):
            page = self.idp.answer(given["SAMLRequest"], given["binding"], user, relay_state)
        elif given.get("acs"):
            page = self.idp.start(given["acs"], user, relay_state)
        else:
            return self._redirect("/", cookie)
        return self._send(200, page, cookie=cookie)

    def _cookie(self) -> str:
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        return cookies["idp"].value if "idp" in cookies else ""

    def _redirect(self, where: str, cookie: str | None = None) -> None:
        self._send(303, "", location=where, cookie=cookie)

    def _send(self, status: int, body: str, kind: str = "text/html; charset=utf-8",
              location: str | None = None, cookie: str | None = None) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        if location:
            self.send_header("Location", html.unescape(location))
        if cookie:
            self.send_header("Set-Cookie", f"idp={cookie}; Path=/; HttpOnly; Secure; SameSite=Lax")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet: the demo prints its own progress."""
