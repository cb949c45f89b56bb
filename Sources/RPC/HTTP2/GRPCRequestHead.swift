import NIOHPACK

/// What the headers of a gRPC request say.
struct GRPCRequestHead {
    /// "portolan.directory.v1.Directory/GetUser".
    var method = ""
    /// Nil when the request names none.
    var timeout: Duration?
    /// What the caller sent besides gRPC's own headers. Values of names that end in `-bin` stay
    /// base64.
    var metadata: [String: String] = [:]
    /// Messages of the request may be compressed.
    var isGzip = false
    /// The request is compressed, and answers may be.
    var acceptsGzip = false

    /// Why headers are not a request that can be answered.
    enum Refusal: Error, Equatable {
        /// Not gRPC at all: a bare HTTP status.
        case http(Int)
        /// gRPC, but not acceptable.
        case status(RPCError.Code, reason: String, message: String)
    }

    /// Reads the headers of a new stream. Pseudo-headers were checked by the HTTP/2 layer.
    init(_ headers: HPACKHeaders) throws(Refusal) {
        var contentType = ""
        var verb = ""
        var encoding = "identity"
        var acceptable = ""
        for (name, value, _) in headers {
            switch name {
            case ":path": method = value.hasPrefix("/") ? String(value.dropFirst()) : value
            case ":method": verb = value
            case "content-type": contentType = value
            case "grpc-timeout":
                guard let duration = Self.timeout(value) else {
                    throw .status(
                        .invalidArgument, reason: "TIMEOUT", message: "grpc-timeout is malformed.")
                }
                timeout = duration
            case "grpc-encoding": encoding = value
            case "grpc-accept-encoding": acceptable = value
            default: if !Self.isReserved(name) { add(name, value) }
            }
        }
        guard verb == "POST" else { throw .http(405) }
        guard Self.isGRPC(contentType) else { throw .http(415) }
        isGzip = encoding == "gzip"
        guard isGzip || encoding == "identity" else {
            throw .status(
                .unimplemented, reason: "UNKNOWN_ENCODING",
                message: "Requests compressed with \(encoding.prefix(32)) are not understood.")
        }
        // Callers that do not compress get no compressed answers either, whatever they accept.
        acceptsGzip = isGzip && Self.namesGzip(acceptable)
    }

    /// Values of one name are joined, as HTTP says.
    private mutating func add(_ name: String, _ value: String) {
        metadata[name] = metadata[name].map { "\($0),\(value)" } ?? value
    }

    /// Names that belong to HTTP and gRPC, not to the application.
    private static func isReserved(_ name: String) -> Bool {
        switch name {
        case "te", "user-agent", "accept-encoding", "content-length", "host": true
        default: name.hasPrefix(":") || name.hasPrefix("grpc-")
        }
    }

    private static func namesGzip(_ list: String) -> Bool {
        list.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != " " } == "gzip" }
    }

    private static func isGRPC(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" }
        return type == "application/grpc" || type == "application/grpc+proto"
    }

    /// One to eight digits and a unit.
    static func timeout(_ text: String) -> Duration? {
        let digits = text.utf8.dropLast()
        guard (1...8).contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let amount = Int64(text.dropLast())
        else { return nil }
        switch text.utf8.last {
        case UInt8(ascii: "H"): return .seconds(amount * 3600)
        case UInt8(ascii: "M"): return .seconds(amount * 60)
        case UInt8(ascii: "S"): return .seconds(amount)
        case UInt8(ascii: "m"): return .milliseconds(amount)
        case UInt8(ascii: "u"): return .microseconds(amount)
        case UInt8(ascii: "n"): return .nanoseconds(amount)
        default: return nil
        }
    }
}
