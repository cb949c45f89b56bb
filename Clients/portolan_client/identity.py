"""Who is calling, and who is expected to answer."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import Code, PortolanError

ALPN = "portolan-rpc/1"


@dataclass(frozen=True)
class ServiceName:
    """The service that a connection must lead to."""

    trust_domain: str
    region: str
    service: str

    @property
    def spiffe_id(self) -> str:
        return f"spiffe://{self.trust_domain}/region/{self.region}/service/{self.service}"

    def check(self, certificate: Mapping | None) -> None:
        """Raises UNAUTHENTICATED WRONG_SERVER unless the certificate names exactly this service.

        The certificate is what SSLSocket.getpeercert() gives, that is, one that TLS has verified.
        """
        names = [value for kind, value in (certificate or {}).get("subjectAltName", ())
                 if kind == "URI"]
        if names != [self.spiffe_id]:
            raise PortolanError(Code.UNAUTHENTICATED, "WRONG_SERVER",
                                f"the server is {', '.join(names) or 'nobody'}, "
                                f"not {self.spiffe_id}")


@dataclass(frozen=True)
class Identity:
    """The files of the caller: PEM certificate chain, its key, the installation's root."""

    certificate: Path
    key: Path
    roots: Path

    def tls(self) -> ssl.SSLContext:
        """TLS 1.3 with both certificates. Host names play no part: ServiceName.check does."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.roots)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols([ALPN])
        return context
