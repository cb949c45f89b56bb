import Foundation
import Hummingbird
import ServiceKit
import WebAuthn

/// What every page has in common that asks for a security key.
struct KeyCeremony: Sendable {
    let party: RelyingParty
    let guardian: CrossSiteGuard

    /// The relying party of a Region: its own origin, and a domain that all Regions' portals are in, so that
    /// one key serves in each (decision 15).
    init(configuration: RegionConfiguration, guardian: CrossSiteGuard) {
        let host = URLComponents(string: configuration.portalURL)?.host?.lowercased() ?? ""
        let domain = configuration.securityKeyDomain
        party = RelyingParty(
            id: domain.isEmpty ? Self.parent(of: host) : domain, origin: guardian.origin)
        self.guardian = guardian
    }

    /// The host without its first label, if that leaves two at least and it is no address.
    static func parent(of host: String) -> String {
        let labels = host.split(separator: ".")
        let isName = labels.last?.allSatisfy(\.isNumber) == false
        return labels.count > 2 && isName ? labels.dropFirst().joined(separator: ".") : host
    }

    /// The browser's secret, made for those that have none.
    func secret(_ request: Request) throws -> String {
        if let known = request.cookie(PortalCookie.securityKey), known.utf8.count == 64,
            known.allSatisfy(\.isHexDigit)
        {
            return known
        }
        return try PendingSignIns.randomHex(32)
    }

    /// A form of these pages: sent by a page of this portal, which alone has the cookie.
    ///
    /// Throws: `PortalFailure` CROSS_SITE_REQUEST.
    func form(_ request: Request) async throws -> Form {
        let form = try await request.form()
        guard guardian.isSameOrigin(request) else { throw PortalFailure.crossSite }
        return form
    }

    /// Lets this page run this portal's script.
    func allowScript(_ response: inout Response) {
        response.headers[.contentSecurityPolicy] = SecurityHeaders.policy(scripts: true)
    }

    /// A field in base64url; empty when it is none.
    static func bytes(_ form: Form, _ name: String) -> [UInt8] {
        Base64URL.decode(form[name]) ?? []
    }
}
