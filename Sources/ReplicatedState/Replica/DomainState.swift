import Contracts

/// One change of one key, opened.
package struct DomainChange: Sendable {
    /// Stream the entry stands in: "control" or "region/<name>".
    package let stream: String
    package let domain: String
    package let key: String
    package let version: UInt64
    /// The opened value; nil for a tombstone.
    package let value: [UInt8]?

    package init(stream: String, domain: String, key: String, version: UInt64, value: [UInt8]?) {
        self.stream = stream
        self.domain = domain
        self.key = key
        self.version = version
        self.value = value
    }
}

/// What a service builds in memory from its domains.
///
/// Only ever touched under the replica's lock. The log is compacted by key, so in an initial load a
/// key may come before another that it refers to; after a whole commit everything is consistent
/// again once the load has ended.
package protocol DomainState: AnyObject, SendableMetatype {
    init()
    /// Takes over one change. Must not fail: what it cannot read it leaves out and counts.
    func apply(_ change: DomainChange)
    /// The same from bytes that are lent.
    func apply(_ change: LentChange)
    /// Version of a live record's newest entry; nil for what it does not know. Quick.
    func version(ofRecord key: String, in stream: String) -> UInt64?
    /// The value of a record as its next version has it when nothing changes; nil when the state
    /// cannot say. Differs from the present value only where the version is part of it.
    func value(_ value: [UInt8], of key: String, as version: UInt64) -> [UInt8]?

    /// Whether every record that could be read is known by its version, so that the state can be compared
    /// with the log.
    var isComparable: Bool { get }
    /// Records that are live; nil for a state that does not count them. Quick.
    var recordCount: Int? { get }

    /// Names what `copy` writes. Another number has to be given when it changes.
    static var snapshotLayout: UInt32 { get }
    /// Whether `copy` catches all that the state should hold.
    var isSnapshotable: Bool { get }
    /// Appends a little of what the state holds, from a place on: 0 is the first. Quick: readers wait
    /// meanwhile. Changes come in between two calls; what is there from the first to the last call
    /// must be caught.
    ///
    /// Returns the next place; nil when that was all.
    func copy(from place: Int, into part: inout SnapshotPart) -> Int?
    /// Takes over what one or more calls of `copy` gave; false when it is nothing of the kind.
    func restore(_ part: SnapshotPartReader) -> Bool
}

extension DomainState {
    package func value(_ value: [UInt8], of key: String, as version: UInt64) -> [UInt8]? { value }
}

extension DomainState {
    package var isComparable: Bool { true }
    package var recordCount: Int? { nil }
}

/// States that are read from the log in a moment keep no snapshots.
extension DomainState {
    package static var snapshotLayout: UInt32 { 0 }
    package var isSnapshotable: Bool { false }
    package func copy(from place: Int, into part: inout SnapshotPart) -> Int? { nil }
    package func restore(_ part: SnapshotPartReader) -> Bool { false }
}

/// Where a domain is written.
package enum DomainScope: Sendable, Hashable {
    /// The control stream: only in the primary.
    case control
    /// The Region's own stream.
    case regional

    /// The stream that a Region writes in this scope.
    package func stream(of region: String) -> String {
        switch self {
        case .control: "control"
        case .regional: "region/\(region)"
        }
    }

    var wire: CoordinatorScope {
        switch self {
        case .control: .control
        case .regional: .regional
        }
    }
}

/// A domain and its scope.
package struct DomainBinding: Sendable, Hashable {
    /// "directory", "permission", "application", "session"…
    package let name: String
    package let scope: DomainScope

    package init(_ name: String, _ scope: DomainScope) {
        self.name = name
        self.scope = scope
    }
}
