import HTTPTypes
import Hummingbird
import ServiceKit

/// Behind trusted proxies: the address of whom they pass on, instead of their own.
struct ForwardedAddress: RouterMiddleware {
    typealias Context = PortalContext
    /// Proxies in a row.
    private static let hopsMax = 16

    let settings: PortalSettings

    func handle(
        _ request: Request, context: PortalContext,
        next: (Request, PortalContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.sourceAddress = client(behind: context.sourceAddress, request.headers)
        return try await next(request, context)
    }

    /// The last address that a trusted proxy names and that is no trusted proxy itself. What a caller
    /// writes into the header stands before that and is not looked at.
    func client(behind peer: String, _ headers: HTTPFields) -> String {
        guard var last = IPAddress(peer) else { return peer }
        var hops = named(headers)
        for _ in 0..<Self.hopsMax
        where settings.trustedProxies.contains(where: { $0.contains(last) }) {
            // What cannot be read is not believed, nor is anything before it.
            guard let hop = hops.popLast(), let address = IPAddress(hop) else { break }
            last = address
        }
        return "\(last)"
    }

    private func named(_ headers: HTTPFields) -> [String] {
        switch settings.forwardedHeader {
        case .xForwardedFor:
            headers[values: .xForwardedFor].flatMap { $0.split(separator: ",") }
                .map { Self.withoutPort($0.trimmed) }
        case .forwarded:
            headers[values: .forwarded].flatMap { $0.split(separator: ",") }.map(Self.origin)
        }
    }

    /// The value of `for` of one element; empty when it has none.
    private static func origin(_ element: Substring) -> String {
        for pair in element.split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].trimmed.lowercased() == "for" else { continue }
            var value = parts[1].trimmed
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
                value = String(value.dropFirst().dropLast())
            }
            return withoutPort(value)
        }
        return ""
    }

    /// "192.0.2.1:80" and "[2001:db8::1]:80" without the port; an IPv6 address may stand without
    /// brackets.
    private static func withoutPort(_ text: String) -> String {
        if text.hasPrefix("[") {
            return text.dropFirst().split(separator: "]").first.map(String.init) ?? ""
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? String(parts[0]) : text
    }
}

extension HTTPField.Name {
    static let xForwardedFor = name("X-Forwarded-For")
    static let forwarded = name("Forwarded")
}
