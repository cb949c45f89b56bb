/// The time of one primary: which Region writes the control stream, and from where on.
package struct Reign: Hashable, Sendable {
    /// Starts at 1. Of two reigns of one epoch, which only operators who went on without a majority
    /// can bring about, the Region whose name sorts first has it.
    package var epoch: UInt64
    package var primaryRegion: String
    /// Last sequence of the control stream before this reign.
    package var after: UInt64

    package init(epoch: UInt64, primaryRegion: String, after: UInt64) {
        self.epoch = epoch
        self.primaryRegion = primaryRegion
        self.after = after
    }

    /// Whether this reign takes the place of the other wherever both are known.
    package func prevails(over other: Reign) -> Bool {
        if epoch != other.epoch { return epoch > other.epoch }
        return primaryRegion < other.primaryRegion
    }
}

/// All reigns of a log, oldest first: says of every position of the control stream whether it belongs
/// to the log, also after promotions.
package struct ReignHistory: Hashable, Sendable {
    /// More promotions than anybody makes; a longer history is not believed.
    package static let reignsMax = 1_024

    /// Epochs go up; beginnings never go down.
    package let reigns: [Reign]
    package let current: Reign

    /// A log that has had one primary, as far as is known.
    package init(epoch: UInt64, primaryRegion: String) {
        current = Reign(epoch: epoch, primaryRegion: primaryRegion, after: 0)
        reigns = [current]
    }

    /// Nil unless the reigns are in order.
    package init?(_ reigns: [Reign]) {
        guard let last = reigns.last, let first = reigns.first, first.epoch >= 1,
            reigns.count <= Self.reignsMax,
            reigns.allSatisfy({ RegionName.isValid($0.primaryRegion) && $0.after < 1 << 47 }),
            zip(reigns, reigns.dropFirst()).allSatisfy({
                $0.epoch < $1.epoch && $0.after <= $1.after
            })
        else { return nil }
        self.reigns = reigns
        current = last
    }

    /// The history with one more reign; nil when that is not later than the present one.
    package func adding(_ reign: Reign) -> ReignHistory? {
        ReignHistory(reigns.suffix(Self.reignsMax - 1) + [reign])
    }

    /// Last sequence that belongs to an epoch; nil for the present one and those not known.
    package func end(ofEpoch epoch: UInt64) -> UInt64? {
        guard let index = reigns.firstIndex(where: { $0.epoch == epoch }),
            index + 1 < reigns.count
        else { return nil }
        return reigns[index + 1].after
    }

    /// Whether a position of the control stream belongs to this log. What was written before the
    /// first reign that is known counts as belonging to it.
    package func contains(epoch: UInt64, sequence: UInt64) -> Bool {
        guard sequence > 0 else { return true }
        guard let first = reigns.first, epoch >= first.epoch else {
            return reigns.count < 2 || sequence <= reigns[1].after
        }
        guard let index = reigns.firstIndex(where: { $0.epoch == epoch }) else { return false }
        let begins = index == 0 ? 0 : reigns[index].after
        let ends = index + 1 < reigns.count ? reigns[index + 1].after : UInt64.max
        return sequence > begins && sequence <= ends
    }

    /// The epoch that a position of the control stream belongs to.
    package func epoch(at sequence: UInt64) -> UInt64 {
        (reigns.last { $0.after < sequence } ?? reigns.first)?.epoch ?? current.epoch
    }

    /// Where a Region that has followed `self` as far as `head` leaves the path of a history that
    /// prevails: what it holds after that sequence is not part of the log. Nil when it holds no more.
    package func fork(from other: ReignHistory, head: UInt64) -> UInt64? {
        let common = zip(reigns, other.reigns).prefix { $0 == $1 }.count
        var end = UInt64.max
        if common < other.reigns.count { end = min(end, other.reigns[common].after) }
        if common < reigns.count { end = min(end, reigns[common].after) }
        return head > end ? end : nil
    }
}

/// A change of the primary that goes with an append, in its transaction.
///
/// In the Region that becomes the primary the records are the first of the new reign; in the one that
/// hands over they are the last of the old one.
package struct Succession: Hashable, Sendable {
    package var epoch: UInt64
    package var primaryRegion: String

    package init(epoch: UInt64, primaryRegion: String) {
        self.epoch = epoch
        self.primaryRegion = primaryRegion
    }
}
