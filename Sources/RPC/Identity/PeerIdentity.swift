/// Who is at the other end of a connection, as its certificate says.
///
/// Taken from the one URI SAN of the client certificate:
/// `spiffe://<trust domain>/region/<region>/service/<service>` or
/// `spiffe://<trust domain>/operator/<name>`.
public enum PeerIdentity: Hashable, Sendable {
    case service(name: String, region: String)
    case `operator`(name: String)

    /// Reads a SPIFFE ID of the given trust domain. Anything else is nil: nobody.
    public init?(spiffeID: String, trustDomain: String) {
        let prefix = "spiffe://\(trustDomain)/"
        guard spiffeID.hasPrefix(prefix), spiffeID.utf8.count <= 2048 else { return nil }
        let parts = spiffeID.dropFirst(prefix.count)
            .split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy({ Self.isName($0) }) else { return nil }
        if parts.count == 4, parts[0] == "region", parts[2] == "service" {
            self = .service(name: parts[3], region: parts[1])
        } else if parts.count == 2, parts[0] == "operator" {
            self = .operator(name: parts[1])
        } else {
            return nil
        }
    }

    /// The identity as a SPIFFE ID.
    public func spiffeID(trustDomain: String) -> String {
        switch self {
        case .service(let name, let region):
            "spiffe://\(trustDomain)/region/\(region)/service/\(name)"
        case .operator(let name):
            "spiffe://\(trustDomain)/operator/\(name)"
        }
    }

    /// 1 to 64 of a-z, A-Z, 0-9, dot, dash, underscore; not "." or "..".
    private static func isName(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), text != ".", text != ".." else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

extension PeerIdentity: CustomStringConvertible {
    public var description: String {
        switch self {
        case .service(let name, let region): "service/\(name)@\(region)"
        case .operator(let name): "operator/\(name)"
        }
    }
}
