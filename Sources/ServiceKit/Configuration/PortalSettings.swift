import Configuration

/// How the portal of a Region is reached, and what it offers. Keys and defaults:
/// Docs/configuration.md.
public struct PortalSettings: Sendable, Equatable {
    /// The header in which proxies say whom they pass on. Only one is read: a proxy that writes one
    /// passes the other on as it came, from anybody.
    public enum ForwardedHeader: String, Sendable, CaseIterable {
        case xForwardedFor = "x-forwarded-for"
        /// RFC 7239.
        case forwarded
    }

    /// Whose word is taken for whom they pass on; none by default.
    public var trustedProxies: [AddressBlock] = []
    public var forwardedHeader = ForwardedHeader.xForwardedFor
    /// Whether devices without a browser may be signed in (RFC 8628).
    public var deviceAuthorization = true

    public init() {}

    /// Throws: `ConfigurationError`.
    init(_ config: ConfigReader) throws {
        let portal = config.scoped(to: "portal")
        deviceAuthorization = portal.bool(forKey: "deviceAuthorization", default: true)
        trustedProxies = try (portal.stringArray(forKey: "trustedProxies") ?? []).map { text in
            guard let block = AddressBlock(text) else {
                throw ConfigurationError(
                    key: "portal.trustedProxies",
                    problem: "\(text) is neither an address nor a block such as 10.0.0.0/8")
            }
            return block
        }
        guard let header = portal.string(forKey: "forwardedHeader") else { return }
        guard let known = ForwardedHeader(rawValue: header.lowercased()) else {
            throw ConfigurationError(
                key: "portal.forwardedHeader",
                problem: "\(header) is not one of: "
                    + ForwardedHeader.allCases.map(\.rawValue).joined(separator: ", "))
        }
        forwardedHeader = known
    }
}
