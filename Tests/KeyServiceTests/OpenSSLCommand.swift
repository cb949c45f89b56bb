import Foundation
import Testing

/// The openssl command, for what others do.
enum OpenSSLCommand {
    /// Its standard output.
    static func run(_ arguments: [String], input: Data, in directory: String) throws -> Data {
        let source = "\(directory)/\(UUID().uuidString)"
        try input.write(to: URL(fileURLWithPath: source))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments + ["-in", source]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return data
    }
}
