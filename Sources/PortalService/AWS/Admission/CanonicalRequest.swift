import Foundation

/// The one form of a request that both sides sign.
///
/// Source: "Create a canonical request" of the IAM User Guide. The path is taken as it is: the
/// APIs here are at `/`.
struct CanonicalRequest: Sendable {
    let text: String

    /// - Parameters:
    ///   - query: as in the request line, without "?".
    ///   - headers: of those that are signed, lower-case names with their values in the order of the
    ///     request.
    ///   - bodyHash: SHA-256 of the body in lower-case hexadecimal.
    init(
        method: String, path: String, query: String, headers: [String: [String]], bodyHash: String
    ) {
        let names = headers.keys.sorted()
        let lines = names.map { name in
            "\(name):" + (headers[name] ?? []).map(Self.trimmed).joined(separator: ",") + "\n"
        }
        text = [
            method, path.isEmpty ? "/" : path, Self.canonical(query: query), lines.joined(),
            names.joined(separator: ";"), bodyHash,
        ].joined(separator: "\n")
    }

    /// Without space at the ends, and with one space wherever there are several.
    private static func trimmed(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" || $0.isNewline })
            .joined(separator: " ")
    }

    /// Parameters in order of name, then value; each has an equals sign.
    private static func canonical(query: String) -> String {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
        .sorted { $0 < $1 }
        .map { "\($0.0)=\($0.1)" }
        .joined(separator: "&")
    }
}
