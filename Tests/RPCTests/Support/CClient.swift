import CPortolan
import Dispatch
import Foundation
import Synchronization

@testable import RPC

/// The C library's client, for tests: its calls block, so they run on threads of their own.
///
/// Freed by `close`, once.
// The C client may be used from any thread.
final class CClient: @unchecked Sendable {
    struct Failure: Error, Equatable {
        let code: UInt32
        let reason: String
        let message: String
        var facts: [String: String] = [:]
    }

    private let client: OpaquePointer
    private let directory: URL

    /// Writes the identity where the library reads it.
    init(
        _ address: String, _ identity: TLSIdentity, expecting: PeerIdentity = TestServer.directory
    ) throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("portolan-c-\(UUID().uuidString)")
        self.directory = directory
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let files = [
            ("certificate.pem", identity.certificateChain), ("key.pem", identity.privateKey),
            ("root.pem", identity.trustRoots),
        ]
        for (name, bytes) in files {
            try Data(bytes).write(to: directory.appendingPathComponent(name))
        }
        guard case .service(let service, let region) = expecting else { throw Unexpected() }
        let texts =
            [address, identity.trustDomain, region, service]
            + files.map { directory.appendingPathComponent($0.0).path }
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var options = portolan_options()
        options.address = UnsafePointer(copies[0])
        options.trust_domain = UnsafePointer(copies[1])
        options.region = UnsafePointer(copies[2])
        options.service = UnsafePointer(copies[3])
        options.certificate_file = UnsafePointer(copies[4])
        options.key_file = UnsafePointer(copies[5])
        options.roots_file = UnsafePointer(copies[6])
        // Tests of the whole suite run at once.
        options.connect_timeout_ms = 10_000
        var error = portolan_error()
        guard let made = portolan_client_new(&options, &error) else {
            throw Self.failure(&error)
        }
        client = made
    }

    func close() {
        portolan_client_free(client)
        try? FileManager.default.removeItem(at: directory)
    }

    /// A unary call.
    func call(
        _ method: MethodDescriptor, _ request: [UInt8], timeout: UInt32 = 10_000,
        idempotent: Bool = false
    ) async throws -> [UInt8] {
        try await Self.onThread {
            var options = portolan_call_options()
            options.timeout_ms = timeout
            options.idempotent = idempotent
            var answer = portolan_buffer()
            var error = portolan_error()
            let code = portolan_call(
                self.client, method.fullName, &options, request, request.count, &answer, &error)
            defer { portolan_buffer_free(&answer) }
            guard code == PORTOLAN_OK else { throw Self.failure(&error) }
            return Array(UnsafeBufferPointer(start: answer.data, count: answer.count))
        }
    }

    /// A streamed answer; `pause` lies between two messages, `limit` ends it early.
    func stream(
        _ method: MethodDescriptor, _ request: [UInt8], timeout: UInt32 = 0,
        limit: Int = .max, pause: Duration = .zero
    ) async throws -> [[UInt8]] {
        try await Self.onThread {
            var options = portolan_call_options()
            options.timeout_ms = timeout
            var error = portolan_error()
            guard
                let stream = portolan_stream_open(
                    self.client, method.fullName, &options, request, request.count, &error)
            else { throw Self.failure(&error) }
            defer { portolan_stream_free(stream) }
            var messages: [[UInt8]] = []
            while messages.count < limit {
                var message = portolan_buffer()
                let outcome = portolan_stream_next(stream, &message, &error)
                if outcome == 0 { break }
                guard outcome == 1 else { throw Self.failure(&error) }
                messages.append(
                    Array(UnsafeBufferPointer(start: message.data, count: message.count)))
                portolan_buffer_free(&message)
                if pause > .zero { usleep(UInt32(pause.nanosecondsClamped / 1_000)) }
            }
            return messages
        }
    }

    /// What streamed requests give: the answer that comes once, or the streamed ones.
    func send(
        _ method: MethodDescriptor, _ requests: [[UInt8]], timeout: UInt32 = 10_000,
        isEnded: Bool = true
    ) async throws -> (answers: [[UInt8]], sent: Int) {
        try await Self.onThread {
            var options = portolan_call_options()
            options.timeout_ms = timeout
            var error = portolan_error()
            guard
                let stream = portolan_stream_start(
                    self.client, method.fullName, &options, &error)
            else { throw Self.failure(&error) }
            defer { portolan_stream_free(stream) }
            var sent = 0
            for request in requests {
                let outcome = portolan_stream_send(stream, request, request.count, &error)
                guard outcome >= 0 else { throw Self.failure(&error) }
                if outcome == 0 { break }
                sent += 1
            }
            if isEnded { portolan_stream_end_requests(stream) }
            var answers: [[UInt8]] = []
            var answer = portolan_buffer()
            defer { portolan_buffer_free(&answer) }
            if method.kind == .clientStreaming {
                guard portolan_stream_answer(stream, &answer, &error) == PORTOLAN_OK else {
                    throw Self.failure(&error)
                }
                let bytes = UnsafeBufferPointer(start: answer.data, count: answer.count)
                return ([Array(bytes)], sent)
            }
            while true {
                let outcome = portolan_stream_next(stream, &answer, &error)
                guard outcome >= 0 else { throw Self.failure(&error) }
                if outcome == 0 { return (answers, sent) }
                answers.append(
                    Array(UnsafeBufferPointer(start: answer.data, count: answer.count)))
                portolan_buffer_free(&answer)
            }
        }
    }

    private static func failure(_ error: inout portolan_error) -> Failure {
        defer { portolan_error_clear(&error) }
        var facts: [String: String] = [:]
        for index in 0..<error.metadata_count {
            facts[String(cString: error.metadata[index].name)] = String(
                cString: error.metadata[index].value)
        }
        let reason = withUnsafeBytes(of: error.reason) { text($0) }
        let message = withUnsafeBytes(of: error.message) { text($0) }
        return Failure(code: error.code.rawValue, reason: reason, message: message, facts: facts)
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func onThread<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
            thread.start()
        }
    }
}
