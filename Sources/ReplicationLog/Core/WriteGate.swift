/// The one place that decides who may write a stream: for appends and for received entries.
///
/// The control stream belongs to the primary at the current epoch, a regional stream to its Region.
package struct WriteGate: Sendable {
    package let identity: LogIdentity?
    /// This Region, known also while it holds no instance.
    package let region: String

    package init(identity: LogIdentity?, region: String) {
        self.identity = identity
        self.region = region
    }

    /// The Region that writes a stream.
    package func writer(of stream: StreamName) -> String? {
        stream.region ?? identity?.primaryRegion
    }

    /// Whether this Region may append to the stream now. Returns the epoch the entries belong to.
    ///
    /// Throws: `regionNotEnabled`, `notPrimary`, `wrongWriter`.
    package func admitAppend(to stream: StreamName) throws(LogError) -> UInt64 {
        guard let identity else {
            throw LogError(.regionNotEnabled, "The Region \(region) holds no instance.")
        }
        guard let owner = stream.region else {
            guard identity.isPrimary else {
                throw LogError(
                    .notPrimary,
                    "Region \(region) is not the primary: this is written in "
                        + "\(identity.primaryRegion).",
                    primaryRegion: identity.primaryRegion)
            }
            guard !identity.isRestored else {
                throw LogError(
                    .regionNotEnabled,
                    "The Region \(region) was restored from a backup and has not yet ruled out that "
                        + "other Regions have seen more: portolan status says what is missing.")
            }
            return identity.epoch
        }
        guard owner == region else {
            throw LogError(.wrongWriter, "Only \(owner) writes \(stream).")
        }
        guard identity.mayWriteOwnStream else {
            throw LogError(
                .regionNotEnabled,
                "The Region \(region) is still getting back its own stream; try again shortly.")
        }
        return identity.epoch
    }

    /// Whether entries of the stream may come from that sender.
    ///
    /// A returning Region may get its own stream back from the primary, and only until it writes
    /// there again. A Region that is about to take over may get the control stream from any other.
    ///
    /// Throws: `regionNotEnabled`, `wrongWriter`.
    package func admitSender(_ sender: String, of stream: StreamName) throws(LogError) {
        guard let identity else {
            throw LogError(.regionNotEnabled, "The Region \(region) holds no instance.")
        }
        if stream.region == region {
            guard !identity.mayWriteOwnStream, sender == identity.primaryRegion,
                sender != region
            else {
                throw LogError(
                    .wrongWriter, "\(sender) sent entries of \(stream), which is written here.")
            }
            return
        }
        guard stream != .control || identity.forkedAfter == nil else {
            throw LogError(
                .forked,
                "The Region \(region) holds entries of \(stream) that are not part of the log.")
        }
        // A candidate takes what the primary left from whoever has it; epochs and places are checked
        // as always.
        if stream == .control, identity.promise?.primaryRegion == region,
            identity.promise?.epoch ?? 0 > identity.epoch, sender != region
        {
            return
        }
        guard writer(of: stream) == sender, sender != region else {
            throw LogError(
                .wrongWriter,
                "\(sender) sent entries of \(stream), which is written by "
                    + "\(writer(of: stream) ?? "nobody").")
        }
    }

    /// Whether an entry of that epoch may follow the head of its stream.
    ///
    /// Throws: `epochStale`, `epochUnknown`.
    package func admitEpoch(
        _ epoch: UInt64, of stream: StreamName, headEpoch: UInt64
    ) throws(LogError) {
        guard epoch >= max(headEpoch, 1) else {
            throw LogError(
                .epochStale,
                "An entry of epoch \(epoch) follows one of epoch \(headEpoch) in \(stream).")
        }
        guard let known = identity?.epoch, epoch <= known else {
            throw LogError(
                .epochUnknown,
                "An entry of epoch \(epoch) in \(stream) is of a reign not known here.")
        }
    }

    /// Whether an entry stands where the reign of its epoch was.
    ///
    /// Throws: `epochStale`.
    package func admitPlace(
        epoch: UInt64, sequence: UInt64, of stream: StreamName
    ) throws(LogError) {
        guard stream == .control, let history = identity?.history else { return }
        guard history.contains(epoch: epoch, sequence: sequence) else {
            throw LogError(
                .epochStale,
                "Entry \(sequence) of epoch \(epoch) in \(stream) is not part of that reign.")
        }
    }
}
