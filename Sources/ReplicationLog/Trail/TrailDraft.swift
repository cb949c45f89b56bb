package import Contracts
package import Foundation

/// An event ready to be recorded: everything but its place in the chain.
package struct TrailDraft: Sendable {
    package var eventID: String
    package var eventTimeMicroseconds: Int64
    package var event: TrailEvent
    /// The record as CloudTrail JSON: the bytes that are hashed.
    package var cloudTrailJSON: String

    package init(
        eventID: String, eventTimeMicroseconds: Int64, event: TrailEvent, cloudTrailJSON: String
    ) {
        self.eventID = eventID
        self.eventTimeMicroseconds = eventTimeMicroseconds
        self.event = event
        self.cloudTrailJSON = cloudTrailJSON
    }
}

/// What to look up. At most one attribute, as CloudTrail does it.
package struct TrailQuery: Sendable {
    package enum Attribute: Sendable, Hashable {
        case any
        case eventID(String)
        case eventName(String)
        case readOnly(Bool)
        case userName(String)
        case resourceName(String)
        case eventSource(String)
    }

    package var attribute: Attribute
    /// Inclusive bounds of the event's time.
    package var fromMicroseconds: Int64?
    package var toMicroseconds: Int64?
    /// Only events before this sequence; nil: from the newest.
    package var before: UInt64?
    package var limit: Int

    package init(
        attribute: Attribute = .any, fromMicroseconds: Int64? = nil, toMicroseconds: Int64? = nil,
        before: UInt64? = nil, limit: Int = 50
    ) {
        self.attribute = attribute
        self.fromMicroseconds = fromMicroseconds
        self.toMicroseconds = toMicroseconds
        self.before = before
        self.limit = limit
    }
}

/// What a walk over the chain found.
package struct TrailVerdict: Sendable, Hashable {
    package var events: UInt64
    /// The first event whose place or hash does not follow; nil when the chain is intact.
    package var firstBrokenSequence: UInt64?
    package var headHash: Data
    package var explanation: String

    package init(
        events: UInt64, firstBrokenSequence: UInt64?, headHash: Data, explanation: String
    ) {
        self.events = events
        self.firstBrokenSequence = firstBrokenSequence
        self.headHash = headHash
        self.explanation = explanation
    }
}
