"""A security key in software, as a person holds it: made with python-fido2's own data types.

It answers a page's question as the page's script would, by the data attributes that it reads.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fido2.cose import ES256, EdDSA
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestedCredentialData, AuthenticatorData, CollectedClientData

from .browser import Browser, Page

FLAG = AuthenticatorData.FLAG


class SecurityKey:
    """Presence and verification are the person's; without a PIN only the touch is there."""

    def __init__(self, kind: type = ES256) -> None:
        self.kind = kind
        self.credential_id = secrets.token_bytes(48)
        self.key = (ec.generate_private_key(ec.SECP256R1()) if kind is ES256
                    else ed25519.Ed25519PrivateKey.generate())
        self.counter = 0
        self.knows_pin = True

    def _data(self, rp_id: str, credential: bytes = b"") -> AuthenticatorData:
        self.counter += 1
        flags = FLAG.UP | (FLAG.UV if self.knows_pin else FLAG(0))
        return AuthenticatorData.create(
            hashlib.sha256(rp_id.encode()).digest(), flags | (FLAG.AT if credential else FLAG(0)),
            self.counter, credential)

    def _sign(self, message: bytes) -> bytes:
        if self.kind is ES256:
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(message)

    def enrol(self, browser: Browser, link: str) -> Page:
        """Opens an enrolment link and registers this key."""
        address, code = link.split("#")
        page = browser.open(address)
        page = browser.submit(page, page.form("code"), code=code)
        if "data-challenge" not in page.body:
            return page
        client = CollectedClientData.create(
            CollectedClientData.TYPE.CREATE, websafe_decode(attribute(page, "challenge")),
            origin(page))
        public = self.kind.from_cryptography_key(self.key.public_key())
        data = self._data(attribute(page, "rp-id"), AttestedCredentialData.create(
            bytes(16), self.credential_id, public))
        return browser.submit(
            page, page.form("/break-glass/enrol/key"), client_data=websafe_encode(client),
            authenticator_data=websafe_encode(data))

    def answer(self, browser: Browser, page: Page, pretended: str = "",
               extensions: bytes = b"") -> Page:
        """Answers the page that asks for a key.

        pretended: another origin than the page's; extensions: CBOR that nobody asked for.
        """
        client = CollectedClientData.create(
            CollectedClientData.TYPE.GET, websafe_decode(attribute(page, "challenge")),
            pretended or origin(page))
        data = bytes(self._data(attribute(page, "rp-id")))
        if extensions:
            data = data[:32] + bytes([data[32] | FLAG.ED]) + data[33:] + extensions
        return browser.submit(
            page, page.form("/break-glass/open"), credential=websafe_encode(self.credential_id),
            client_data=websafe_encode(client), authenticator_data=websafe_encode(data),
            signature=websafe_encode(self._sign(data + client.hash)))

    def sign_in(self, browser: Browser, portal: str, user: str, reason: str,
                minutes: int = 60, pretended: str = "", extensions: bytes = b"") -> Page:
        """From the entry to wherever it leads."""
        page = browser.open(portal + "/break-glass")
        page = browser.submit(page, page.form("reason"), user=user, reason=reason,
                              minutes=str(minutes))
        return self.answer(browser, page, pretended, extensions)


def attribute(page: Page, name: str) -> str:
    found = re.search(f'data-{name}="([^"]*)"', page.body)
    assert found, f"{page.url} ({page.status}) asks for no key: {page.text[:300]}"
    return found.group(1)


def origin(page: Page) -> str:
    return "/".join(page.url.split("/")[:3])
