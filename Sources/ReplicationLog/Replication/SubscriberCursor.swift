package import Contracts

/// Where one subscribing Region stands in what this one sends, and what it is to be sent next.
///
/// A value: what is read and when it is sent is the caller's.
package struct SubscriberCursor: Sendable {
    /// The Region that subscribes.
    package let subscriber: String
    private let returnsOwnStream: Bool
    private let wantsControl: Bool
    private var places: [StreamName: ReadingPlace] = [:]
    private var greeted: Set<StreamName> = []

    /// `after` are the positions from which the subscriber goes on, and `purged` says up to where
    /// tombstones were gone when its copies were begun. Naming its own stream, it asks for that back.
    package init(subscriber: String, after: [LogPosition], purged: [LogPosition]) {
        self.subscriber = subscriber
        let marks = Dictionary(
            purged.prefix(64).map { ($0.stream, $0.sequence) },
            uniquingKeysWith: { _, last in last })
        for position in after.prefix(64) {
            guard let name = StreamName(position.stream) else { continue }
            places[name] = ReadingPlace(
                after: position.sequence, purgedBefore: marks[position.stream] ?? 0)
        }
        wantsControl = places[.control] != nil
        returnsOwnStream = places[.regional(subscriber)] != nil
    }

    /// What this Region writes, and for a returning Region its own stream as the primary holds it:
    /// that one first, so that the Region may write again before it counts as copied.
    package func streams(_ state: LogState) -> [StreamName] {
        guard let identity = state.identity else { return [] }
        var streams: [StreamName] = []
        if identity.isPrimary, returnsOwnStream { streams.append(.regional(subscriber)) }
        // A former primary brings its successor up to the handover, and who has promised to follow a
        // candidate gives it what the lost primary left here.
        let isSource =
            identity.isPrimary || identity.primaryRegion == subscriber
            || identity.promise?.primaryRegion == subscriber
        if isSource, wantsControl, identity.forkedAfter == nil { streams.append(.control) }
        // Behind the control stream: that brings the reigns to which later entries here belong, and
        // without them a successor would refuse those and never hear of the handover. Until this
        // Region has its own stream back, there is nothing of it to send.
        if identity.mayWriteOwnStream { streams.append(.regional(state.region)) }
        return streams
    }

    /// What to read next of a stream.
    package func query(_ stream: StreamName) -> ReadQuery {
        ReadQuery(stream: stream, from: places[stream] ?? ReadingPlace())
    }

    /// The message that carries what was read; nil when it would say nothing new. The first message
    /// of a stream says where its head is, even if nothing is new.
    package mutating func message(
        _ stream: StreamName, _ result: ReadResult, _ state: LogState
    ) -> StreamMessage? {
        let after = places[stream]?.after ?? 0
        guard result.through.sequence > after || !greeted.contains(stream) else { return nil }
        greeted.insert(stream)
        places[stream, default: ReadingPlace()].advance(
            to: result.through.sequence, purged: result.purgedThrough)
        let held = state.streams[stream]
        return StreamMessage(
            stream: stream, entries: result.entries, after: after, through: result.through,
            head: held?.position ?? result.through, entriesTotal: held?.entries ?? 0,
            compactedThrough: result.compactedThrough, purgedThrough: result.purgedThrough)
    }
}
