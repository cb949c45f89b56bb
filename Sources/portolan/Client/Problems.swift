import RPC

/// Preconditions that failed: a line each in the error's message, and, shortened, in its metadata
/// "problem-<n>".
enum Problems {
    static func isListed(_ error: RPCError) -> Bool { !numbered(error.metadata).isEmpty }

    /// One text per problem, in order, with the remedy below it. The message's lines are complete
    /// but fewer when there are very many problems.
    static func lines(_ error: RPCError) -> [String] {
        let numbered = numbered(error.metadata)
        let inMessage = error.message.split(separator: "\n").map(String.init)
        return (inMessage.count >= numbered.count ? inMessage : numbered).map(line)
    }

    private static func numbered(_ metadata: [String: String]) -> [String] {
        metadata.compactMap { entry -> (Int, String)? in
            guard entry.key.hasPrefix("problem-"),
                let number = Int(entry.key.dropFirst("problem-".count))
            else { return nil }
            return (number, entry.value)
        }
        .sorted { $0.0 < $1.0 }
        .map(\.1)
    }

    private static func line(_ value: String) -> String {
        "- " + value.replacing(" Do: ", with: "\n  Do: ", maxReplacements: 1)
    }
}
