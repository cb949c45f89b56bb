import Contracts
import SwiftProtobuf

/// Finds the answers of appends again in a stream's entries, which come in order.
package struct RequestFinder {
    private let stream: StreamName
    private var commit: UInt64 = 0
    private var first: UInt64 = 0

    package init(stream: StreamName) { self.stream = stream }

    package mutating func take(
        sequence: UInt64, epoch: UInt64, commit: UInt64, request: String?, writtenAt: Int64,
        into memory: inout RequestMemory
    ) {
        if self.commit != commit {
            self.commit = commit
            first = sequence
        }
        guard let request else { return }
        memory.remember(
            AppendOutcome(
                position: .with {
                    $0.stream = stream.text
                    $0.epoch = epoch
                    $0.sequence = commit
                }, firstSequence: first, writtenAtMicroseconds: writtenAt), for: request)
    }
}
