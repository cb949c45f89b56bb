import Contracts
import SwiftProtobuf

/// What is kept beside the last entry of an append that has a request ID: the ID, and how many records
/// there were, since compaction may have removed the first.
package enum RequestMark {
    private static let separator: Character = "\u{1F}"

    static func text(_ requestID: String, records: Int) -> String {
        "\(requestID)\(separator)\(records)"
    }

    /// The number is nil in a log of an earlier version.
    static func parts(_ text: String) -> (requestID: String, records: UInt64?) {
        guard let index = text.lastIndex(of: separator),
            let records = UInt64(text[text.index(after: index)...]), records >= 1
        else { return (text, nil) }
        return (String(text[..<index]), records)
    }
}

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
        let (requestID, records) = RequestMark.parts(request)
        memory.remember(
            AppendOutcome(
                position: .with {
                    $0.stream = stream.text
                    $0.epoch = epoch
                    $0.sequence = commit
                }, firstSequence: records.map { commit + 1 - min($0, commit) } ?? first,
                writtenAtMicroseconds: writtenAt), for: requestID)
    }
}
