import Dispatch
import Foundation

/// Runs Python scripts of this repository.
enum Python {
    /// The repository.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A Python that can compile protobuf definitions.
    static let path: String? = [root.path + "/.venv/bin/python3", "/usr/bin/python3"].first {
        (try? wait($0, ["-c", "import grpc_tools.protoc"]).status) == 0
    }

    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs Python without holding a thread of the concurrency pool.
    static func run(_ arguments: [String]) async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try wait(path ?? "", arguments) })
            }
        }
    }

    private static func wait(_ program: String, _ arguments: [String]) throws -> Outcome {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        let problems = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: problems, as: UTF8.self))
    }
}
