/// Which log this Region holds, and its part in it.
package struct LogIdentity: Hashable, Sendable {
    /// Made with the instance; positions of one log mean nothing in another.
    package var logID: String
    /// This Region.
    package var region: String
    /// Who writes the control stream, and who did.
    package var history: ReignHistory
    /// False while a returning Region has not got back the whole of its own regional stream: it
    /// must not write there before, or a sequence would be given twice.
    package var mayWriteOwnStream: Bool
    /// Set by a restore from a backup: others may have seen more. Nothing is written here until that
    /// has been ruled out, or caught up with.
    package var isRestored = false
    /// The candidate that this Region has promised to follow, and the epoch up to which it follows
    /// nobody else.
    package var promise: Succession?
    /// Set when this Region holds entries of the control stream after this sequence that are not
    /// part of the log: a later reign began without them. Nothing is received or sent on the control
    /// stream until they have been dropped.
    package var forkedAfter: UInt64?
    /// Streams that were dropped to be copied again, and up to where each has to come before what
    /// this Region holds is whole: until then its services do not answer, rather than forget a
    /// revocation.
    package var missing: [StreamName: UInt64] = [:]
    /// Goes up when something that was held is taken back. Whoever has read before reads anew.
    package var incarnation: UInt64 = 0

    package init(
        logID: String, region: String, history: ReignHistory, mayWriteOwnStream: Bool
    ) {
        self.logID = logID
        self.region = region
        self.history = history
        self.mayWriteOwnStream = mayWriteOwnStream
    }

    /// A log that has had one primary, as far as is known.
    package init(
        logID: String, region: String, primaryRegion: String, epoch: UInt64,
        mayWriteOwnStream: Bool
    ) {
        self.init(
            logID: logID, region: region,
            history: ReignHistory(epoch: epoch, primaryRegion: primaryRegion),
            mayWriteOwnStream: mayWriteOwnStream)
    }

    /// The Region that writes the control stream at `epoch`.
    package var primaryRegion: String { history.current.primaryRegion }

    /// The reign of the primary; starts at 1.
    package var epoch: UInt64 { history.current.epoch }

    package var isPrimary: Bool { region == primaryRegion }

    /// The log as the services of this Region read it: a stream that was taken back or dropped and copied
    /// again is another reading.
    package var readingID: String { incarnation == 0 ? logID : "\(logID)/\(incarnation)" }
}

// What another Region says about reigns. All of it is decided here, inside the transaction that
// writes the outcome down, so that no lease and no clock has a part in it.
extension LogIdentity {
    /// Follows a history that prevails over the one held. Returns false when there is nothing to
    /// follow, or not yet: a Region becomes the primary only with all that came before.
    ///
    /// `head` is where this Region stands in the control stream.
    package mutating func follow(_ other: ReignHistory, head: UInt64) -> Bool {
        guard other.current.prevails(over: history.current) else { return false }
        let fork = history.fork(from: other, head: head)
        if other.current.primaryRegion == region {
            guard fork == nil, forkedAfter == nil, head >= other.current.after else { return false }
        }
        if let fork { forkedAfter = min(fork, forkedAfter ?? fork) }
        history = other
        return true
    }

    /// Promises to follow a candidate as the primary of an epoch.
    ///
    /// Throws: `epochStale` when the epoch is over or promised to another Region.
    package mutating func promise(_ candidate: Succession) throws(LogError) {
        guard candidate.epoch > epoch else {
            throw LogError(.epochStale, "Epoch \(epoch) is known in \(region).")
        }
        if let promise, promise.epoch >= candidate.epoch, promise != candidate {
            throw LogError(
                .epochStale,
                "\(region) has promised epoch \(promise.epoch) to \(promise.primaryRegion).")
        }
        promise = candidate
    }

    /// The identity once the succession has taken place at this head of the control stream.
    ///
    /// Throws: `notPrimary`, `epochStale`, `forked`.
    package func succeeded(
        by succession: Succession, at head: UInt64
    ) throws(LogError) -> LogIdentity {
        let isOurs = succession.primaryRegion == region
        guard isOurs || isPrimary else {
            throw LogError(
                .notPrimary, "Region \(region) is not the primary and has nothing to hand over.",
                primaryRegion: primaryRegion)
        }
        guard forkedAfter == nil else {
            throw LogError(
                .forked, "Region \(region) holds entries that are not part of the log.")
        }
        var next = self
        try next.promise(succession)
        let reign = Reign(
            epoch: succession.epoch, primaryRegion: succession.primaryRegion, after: head)
        guard let history = history.adding(reign) else {
            throw LogError(.epochStale, "Epoch \(succession.epoch) does not follow \(epoch).")
        }
        next.history = history
        return next
    }
}
