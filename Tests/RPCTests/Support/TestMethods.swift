import NIOCore
import Synchronization

@testable import RPC

/// A service for tests: payloads are plain bytes.
enum TestMethods {
    static let service = "portolan.test.v1.Test"
    static let echo = method("Echo", idempotent: true)
    /// Answered from memory, except for "later".
    static let fast = method("Fast", idempotent: true)
    static let fail = method("Fail")
    static let crash = method("Crash")
    static let hang = method("Hang")
    /// Answers when `release` is called.
    static let slow = method("Slow")
    static let forbidden = method("Forbidden")
    static let large = method("Large")
    static let identify = method("Identify")
    static let count = MethodDescriptor(
        service: service, name: "Count", kind: .serverStreaming, isIdempotent: true)
    static let tail = MethodDescriptor(
        service: service, name: "Tail", kind: .serverStreaming, isIdempotent: true)
    static let missing = method("Missing")
    /// Says UNAVAILABLE while the service is so.
    static let moody = method("Moody", idempotent: true)
    /// Says how many requests there were and how many bytes they had.
    static let collect = method("Collect", .clientStreaming)
    /// Answers after the first request.
    static let first = method("First", .clientStreaming)
    /// Reads no request.
    static let ignore = method("Ignore", .clientStreaming)
    static let chat = method("Chat", .bidirectionalStreaming)
    /// Makes the call that `onward` says.
    static let relay = method("Relay")

    private static func method(
        _ name: String, _ kind: MethodDescriptor.Kind = .unary, idempotent: Bool = false
    ) -> MethodDescriptor {
        MethodDescriptor(service: service, name: name, kind: kind, isIdempotent: idempotent)
    }
}

struct Unexpected: Error, CustomStringConvertible {
    var description: String { "secret-detail" }
}

/// Handlers that remember what happened to them.
final class TestService: Sendable {
    let written = Mutex(0)
    /// Calls that the fast path was asked about.
    let askedFast = Mutex(0)
    let cancelled = Mutex(0)
    let running = Mutex(0)
    let onward = Mutex<(@Sendable () async throws -> ByteBuffer)?>(nil)
    let isUnavailable = Mutex(false)
    private let isReleased = Mutex(false)

    func release() { isReleased.withLock { $0 = true } }

    func table() -> MethodTable {
        var table = MethodTable()
        table.register(TestMethods.echo, .unary { payload, _ in payload })
        table.register(TestMethods.fast, .unary { payload, _ in payload })
        table.registerImmediate(TestMethods.fast, exceptWith: "who") { payload, _, sink in
            self.askedFast.withLock { $0 += 1 }
            if payload.elementsEqual("later".utf8) { return .later }
            sink.write(payload)
            return .written
        }
        table.register(
            TestMethods.fail,
            .unary { _, _ in
                throw RPCError(
                    .failedPrecondition, reason: "NOT_PRIMARY", message: "Write elsewhere.",
                    metadata: ["primary-region": "eu-west-1"], cause: Unexpected())
            })
        table.register(TestMethods.crash, .unary { _, _ in throw Unexpected() })
        table.register(TestMethods.hang, .unary { _, _ in try await self.hang() })
        table.register(
            TestMethods.slow,
            .unary { payload, _ in
                self.running.withLock { $0 += 1 }
                while !self.isReleased.withLock({ $0 }) {
                    try await Task.sleep(for: .milliseconds(2))
                }
                return payload
            })
        table.register(TestMethods.forbidden, .unary { payload, _ in payload })
        table.register(
            TestMethods.large,
            .unary { payload, _ in
                let count = payload.getInteger(at: payload.readerIndex, as: UInt32.self) ?? 0
                return ByteBuffer(repeating: 7, count: Int(count))
            })
        table.register(
            TestMethods.identify,
            .unary { _, context in
                ByteBuffer(
                    string: "\(context.peer) \(context.metadata.sorted { $0.key < $1.key })")
            })
        table.register(
            TestMethods.count,
            .serverStreaming { payload, _, writer in
                let count = payload.getInteger(at: payload.readerIndex, as: UInt32.self) ?? 0
                for number in 0..<count {
                    var message = ByteBuffer(integer: number)
                    message.writeRepeatingByte(1, count: payload.readableBytes > 4 ? 4096 : 0)
                    try await writer.write(message)
                    self.written.withLock { $0 += 1 }
                }
            })
        table.register(
            TestMethods.tail,
            .serverStreaming { _, _, writer in
                try await writer.write(ByteBuffer(string: "first"))
                _ = try await self.hang()
            })
        table.register(
            TestMethods.moody,
            .unary { payload, _ in
                guard self.isUnavailable.withLock({ $0 }) else { return payload }
                throw RPCError(.unavailable, reason: "STATE_LOADING", message: "Not yet.")
            })
        registerStreams(in: &table)
        table.register(
            TestMethods.relay,
            .unary { _, _ in
                guard let onward = self.onward.withLock({ $0 }) else { throw Unexpected() }
                return try await onward()
            })
        return table
    }

    private func registerStreams(in table: inout MethodTable) {
        table.register(
            TestMethods.collect,
            .clientStreaming { requests, _ in
                self.running.withLock { $0 += 1 }
                var (count, bytes) = (0, 0)
                do {
                    for try await request in requests {
                        count += 1
                        bytes += request.readableBytes
                        if String(buffer: request) == "stop" {
                            throw RPCError(.aborted, reason: "STOPPED", message: "Enough.")
                        }
                    }
                } catch {
                    self.cancelled.withLock { $0 += 1 }
                    throw error
                }
                return ByteBuffer(string: "\(count) \(bytes)")
            })
        table.register(
            TestMethods.first,
            .clientStreaming { requests, _ in
                var iterator = requests.makeAsyncIterator()
                return try await iterator.next() ?? ByteBuffer(string: "none")
            })
        table.register(
            TestMethods.ignore,
            .clientStreaming { requests, _ in
                let answer = try await self.hang()
                for try await _ in requests {}
                return answer
            })
        table.register(
            TestMethods.chat,
            .bidirectionalStreaming { requests, _, writer in
                self.running.withLock { $0 += 1 }
                do {
                    for try await request in requests { try await writer.write(request) }
                } catch {
                    self.cancelled.withLock { $0 += 1 }
                    throw error
                }
            })
    }

    private func hang() async throws -> ByteBuffer {
        running.withLock { $0 += 1 }
        do {
            try await Task.sleep(for: .seconds(600))
        } catch {
            cancelled.withLock { $0 += 1 }
            throw error
        }
        return ByteBuffer()
    }

    static func rules() -> AuthorizationTable {
        var rules: [String: Set<AuthorizationTable.Caller>] = [:]
        for name in TestService().table().entries.keys {
            rules[name] = [.localService("portal"), .operatorRole("admin")]
        }
        rules[TestMethods.forbidden.fullName] = [.localService("keys")]
        return AuthorizationTable(
            region: "eu-west-1", operatorRoles: ["anna": ["admin"]], rules: rules)
    }
}

/// Waits until something is so; false when it is not within the time.
func eventually(
    within limit: Duration = .seconds(10), _ condition: @Sendable () async -> Bool
) async -> Bool {
    let deadline = Deadline.after(limit)
    while !deadline.hasPassed {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return await condition()
}

/// The RPC error that a call ends with.
func failure<T>(_ body: () async throws -> T) async -> RPCError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? RPCError
    }
}

/// How a call fails that outlives its deadline, which is made longer until the call has got as far as
/// `isMeant` says: on a busy machine a short one may be over before a handler has begun.
func overdue<T>(
    after first: Duration, until isMeant: () -> Bool,
    _ call: (CallOptions) async throws -> T
) async -> RPCError? {
    var timeout = first
    while true {
        let error = await failure { try await call(CallOptions(timeout: timeout)) }
        if isMeant() || error?.code != .deadlineExceeded || timeout > first * 20 { return error }
        timeout = timeout * 5
    }
}

extension TestService {
    var hasBegun: Bool { running.withLock { $0 } > 0 }

    /// Whether every handler that has begun, and there was one, has been cancelled.
    var isCancelled: Bool { hasBegun && cancelled.withLock { $0 } == running.withLock { $0 } }
}
