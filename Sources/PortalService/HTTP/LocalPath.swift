/// A path of this portal that a browser may be sent to. Anything else becomes /start, so that no
/// link can lead elsewhere by way of a sign-in.
struct LocalPath: Sendable, Equatable {
    static let start = LocalPath(value: "/start")
    static let bytesMax = 2048
    let value: String

    private init(value: String) { self.value = value }

    /// Takes "/…" of printable ASCII without backslashes, not "//…", not the sign-in's own paths.
    init(_ text: String) {
        let bytes = text.utf8
        let isPath = bytes.count <= Self.bytesMax && text.hasPrefix("/") && !text.hasPrefix("//")
        let isPlain = bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }
        let isLoop = ["/sign-in", "/sign-out", "/saml", "/healthz", "/break-glass"].contains {
            text == $0 || text.hasPrefix($0 + "/") || text.hasPrefix($0 + "?")
        }
        value = isPath && isPlain && !isLoop ? text : Self.start.value
    }
}
