import ArgumentParser
import Contracts
import Foundation
import RPC

/// Appends to the log as a service does.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-append",
        abstract: "Durable appends to the Region's own stream (needs --identity of the portal).")

    @OptionGroup var target: Target
    @Option var callers = 64
    @Option(help: "Records in one append, as a service batches them.") var records = 64
    @Option var seconds = 5

    func run() async throws {
        let client = CoordinatorLogClient(try target.client("coordinator", connections: 4))
        let sequence = Sequence(client: client)
        let records = records
        let appends = await CallerPool.measure(callers: 1, seconds: seconds) { number in
            try await sequence.append(records, number)
        }
        print(
            #"{"entries":\#(appends.calls * records),"seconds":\#(appends.seconds),"#
                + #""perSecond":\#(appends.perSecond * Double(records)),"#
                + #""errors":\#(appends.errors),"p50Microseconds":\#(appends.p50Microseconds),"#
                + #""p99Microseconds":\#(appends.p99Microseconds)}"#)
    }

    /// Knows the domain's last sequence.
    actor Sequence {
        private let client: CoordinatorLogClient
        private var last: UInt64 = 0

        init(client: CoordinatorLogClient) { self.client = client }

        func append(_ count: Int, _ number: Int) async throws {
            var request = CoordinatorAppendRequest()
            request.scope = .regional
            request.domain = "session"
            request.expectedDomainSequence = last
            request.requestID = UUID().uuidString.lowercased()
            request.records = (0..<count).map { index in
                var record = LogRecord()
                record.key = "bench/\(number)/\(index)"
                record.version = 1
                record.value = Data(repeating: 0x62, count: 256)
                return record
            }
            do {
                let answer = try await client.append(request)
                last = answer.position.sequence
            } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
                last = error.metadata["domain-sequence"].flatMap(UInt64.init) ?? last
                try await append(count, number)
            }
        }
    }
}
