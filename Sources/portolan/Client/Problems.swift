import Foundation
import RPC

/// Preconditions that failed: a line each in the error's message, and, shortened, in its metadata
/// "problem-<n>".
enum Problems {
    static func isListed(_ error: RPCError) -> Bool { !numbered(error.metadata).isEmpty }

    /// One text per problem, in order, each remedy once below the problems it mends. The message's
    /// lines are complete but fewer when there are very many problems.
    static func lines(_ error: RPCError) -> [String] {
        let numbered = numbered(error.metadata)
        let inMessage = error.message.split(separator: "\n").map(String.init)
        let problems = (inMessage.count >= numbered.count ? inMessage : numbered).map(parts)
        var lines: [String] = []
        for (index, problem) in problems.enumerated() {
            lines.append("- \(problem.text)")
            let isRepeated =
                index + 1 < problems.count && problems[index + 1].remedy == problem.remedy
            if !problem.remedy.isEmpty, !isRepeated { lines.append("  Do: \(problem.remedy)") }
        }
        return lines
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

    private static func parts(_ value: String) -> (text: String, remedy: String) {
        guard let range = value.range(of: " Do: ") else { return (value, "") }
        return (String(value[..<range.lowerBound]), String(value[range.upperBound...]))
    }
}
