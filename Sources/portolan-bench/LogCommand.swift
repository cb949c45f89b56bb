import ArgumentParser
import Contracts
import Foundation
import RPC

/// Appends to the log as a service does: what its callers want while one append is under way goes
/// into the next.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Durable appends to the Region's own stream (needs --identity of the portal).")

    @OptionGroup var target: Target
    @Option(help: "Each waits for its one record before it brings the next.") var callers = 64
    @Option(help: "Bytes of a record's value.") var bytes = 256
    @Option var seconds = 5

    func run() async throws {
        let client = CoordinatorLogClient(try target.client("coordinator", connections: 1))
        let batcher = Batcher(client: client, value: Data(repeating: 0x62, count: bytes))
        let clock = ContinuousClock()
        let appends = await CallerPool.measure(callers: callers, seconds: seconds) { number in
            let began = clock.now
            try await batcher.append(number)
            return clock.now - began
        }
        try appends.report()
    }

    /// Knows the domain's last sequence, and who waits.
    actor Batcher {
        private let client: CoordinatorLogClient
        private let value: Data
        private let run = UUID().uuidString
        private var last: UInt64 = 0
        private var waiting: [(Int, CheckedContinuation<Void, any Error>)] = []
        private var isWriting = false

        init(client: CoordinatorLogClient, value: Data) {
            self.client = client
            self.value = value
        }

        func append(_ number: Int) async throws {
            try await withCheckedThrowingContinuation { continuation in
                waiting.append((number, continuation))
                if !isWriting {
                    isWriting = true
                    Task { await write() }
                }
            }
        }

        private func write() async {
            while !waiting.isEmpty {
                let batch = waiting
                waiting = []
                let result: Result<Void, any Error>
                do {
                    result = .success(try await send(batch.map(\.0)))
                } catch {
                    result = .failure(error)
                }
                for (_, continuation) in batch { continuation.resume(with: result) }
            }
            isWriting = false
        }

        private func send(_ numbers: [Int]) async throws {
            var request = CoordinatorAppendRequest()
            request.scope = .regional
            request.domain = "session"
            request.expectedDomainSequence = last
            request.requestID = UUID().uuidString.lowercased()
            request.records = numbers.map { number in
                var record = LogRecord()
                record.key = "bench/\(run)/\(number)"
                record.version = 1
                record.value = value
                return record
            }
            do {
                last = try await client.append(request).position.sequence
            } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
                guard let now = error.metadata["domain-sequence"].flatMap(UInt64.init), now > last
                else { throw error }
                last = now
                try await send(numbers)
            }
        }
    }
}
