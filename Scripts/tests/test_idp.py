"""The demo's identity provider and browser, tried against a service provider on pysaml2."""

from __future__ import annotations

import base64
import http.server
import logging
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.sigver import get_xmlsec_binary

from Scripts.demo import resolver
from Scripts.demo.browser import Browser
from Scripts.demo.idp import IdentityProvider

USER = "fiona.sorensen@meridian.example"


class ServiceProvider:
    """A minimal service provider with two ACS addresses; answers with the NameID as text."""

    def __init__(self, idp: IdentityProvider) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                request, details = outer.client.prepare_for_authenticate(
                    entityid=idp.entity_id, relay_state="/there", binding=BINDING_HTTP_REDIRECT)
                outer.outstanding[request] = "/there"
                self.send_response(302)
                self.send_header("Location", dict(details["headers"])["Location"])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = parse_qs(body)
                try:
                    answer = outer.client.parse_authn_request_response(
                        fields["SAMLResponse"][0], BINDING_HTTP_POST, outer.outstanding)
                    text = f"{answer.name_id.text} {fields.get('RelayState', [''])[0]}"
                    status = 200
                except Exception as failure:  # noqa: BLE001 - any refusal will do
                    text, status = type(failure).__name__, 403
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.outstanding: dict[str, str] = {}
        settings = {
            "entityid": f"{self.url}/metadata",
            "xmlsec_binary": get_xmlsec_binary(["/usr/bin"]),
            "metadata": {"inline": [idp.metadata]},
            "service": {"sp": {
                "allow_unsolicited": True,
                "want_response_signed": False, "want_assertions_signed": True,
                "endpoints": {"assertion_consumer_service": [
                    (f"{self.url}/{path}", BINDING_HTTP_POST) for path in ("acs", "two")]},
            }},
        }
        self.metadata = str(entity_descriptor(SPConfig().load(settings)))
        self.client = Saml2Client(config=SPConfig().load(settings))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class IdentityProviderTests(unittest.TestCase):
    def setUp(self) -> None:
        resolver.install()
        logging.getLogger("saml2").setLevel(logging.CRITICAL + 1)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.idp = IdentityProvider(Path(directory.name), 0, [USER])
        self.idp.serve()
        self.addCleanup(self.idp.stop)
        self.sp = ServiceProvider(self.idp)
        self.addCleanup(self.sp.stop)
        self.idp.trust(self.sp.metadata)
        self.browser = Browser(str(self.idp.tls_certificate))

    def test_a_changed_response_is_refused(self) -> None:
        last: list = []
        self.browser.sign_in(self.sp.url, USER, last)
        page, form = last
        response = base64.b64decode(form.fields["SAMLResponse"])
        changed = base64.b64encode(response.replace(b">fiona.", b">nadia.")).decode()
        self.assertNotEqual(changed, form.fields["SAMLResponse"])
        self.assertEqual(self.browser.submit(page, form, SAMLResponse=changed).status, 403)

    def test_an_unknown_consumer_is_not_answered(self) -> None:
        page = self.browser.open(f"{self.idp.url}/launch?acs=https%3A%2F%2Felsewhere.example")
        page = self.browser.submit(page, page.form("/login"), user=USER)
        self.assertEqual(page.status, 400)
        self.assertFalse([form for form in page.forms if "SAMLResponse" in form.fields])

    def test_a_sign_in_started_at_the_service_provider_ends_there(self) -> None:
        page = self.browser.sign_in(f"{self.sp.url}/start", USER)
        self.assertEqual(page.body, f"{USER} /there")
        # The IdP remembers the person: no second page to fill.
        visited = self.browser.sign_in(f"{self.sp.url}/start", "someone.else@meridian.example")
        self.assertEqual(visited.body, f"{USER} /there")

    def test_a_sign_in_started_at_the_idp_reaches_each_consumer(self) -> None:
        self.assertEqual(self.idp.assertion_consumers(),
                         [f"{self.sp.url}/acs", f"{self.sp.url}/two"])
        for address in self.idp.assertion_consumers():
            page = self.browser.open(f"{self.idp.url}/")
            link = next(to for to, _ in page.links if to.endswith(urlsplit(address).path[1:]))
            page = self.browser.sign_in(link, USER)
            self.assertIn(USER, page.body)
            self.assertEqual(page.url, address)


if __name__ == "__main__":
    unittest.main()
