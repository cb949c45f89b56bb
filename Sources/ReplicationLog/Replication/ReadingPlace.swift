import Contracts

/// Where a reader of a stream stands, and which deletions it need not be told of.
///
/// A reader that stands between the beginning and the last tombstone that has been removed may hold
/// what that one deleted, and would never hear of it. Not so one that began when the tombstone was
/// gone: what it deleted was gone before.
package struct ReadingPlace: Sendable, Equatable {
    /// Entries up to here have been read.
    package private(set) var after: UInt64
    /// Tombstones up to here were gone when it began to read, at the stream's beginning.
    package private(set) var purgedBefore: UInt64

    package init(after: UInt64 = 0, purgedBefore: UInt64 = 0) {
        self.after = after
        self.purgedBefore = purgedBefore
    }

    /// Moves on to the end of what has been read, `purged` being how far tombstones were gone then.
    package mutating func advance(to through: UInt64, purged: UInt64) {
        if after == 0 { purgedBefore = purged }
        after = through
    }

    package func advanced(to result: ReadResult) -> ReadingPlace {
        var place = self
        place.advance(to: result.through.sequence, purged: result.purgedThrough)
        return place
    }

    /// Whether somebody who has removed tombstones up to `purged` can lead this reader on.
    package func isServed(purged: UInt64) -> Bool {
        after == 0 || after >= purged || purgedBefore >= purged
    }
}
