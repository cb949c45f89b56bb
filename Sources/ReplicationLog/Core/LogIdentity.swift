/// Which log this Region holds, and its part in it.
package struct LogIdentity: Hashable, Sendable {
    /// Made with the instance; positions of one log mean nothing in another.
    package var logID: String
    /// This Region.
    package var region: String
    /// The Region that writes the control stream at `epoch`.
    package var primaryRegion: String
    /// The reign of the primary; starts at 1.
    package var epoch: UInt64
    /// False while a returning Region has not got back the whole of its own regional stream: it
    /// must not write there before, or a sequence would be given twice.
    package var mayWriteOwnStream: Bool
    /// Set by a restore from a backup: others may have seen more. Nothing is written here until that
    /// has been ruled out, or caught up with.
    package var isRestored = false

    package init(
        logID: String, region: String, primaryRegion: String, epoch: UInt64,
        mayWriteOwnStream: Bool
    ) {
        self.logID = logID
        self.region = region
        self.primaryRegion = primaryRegion
        self.epoch = epoch
        self.mayWriteOwnStream = mayWriteOwnStream
    }

    package var isPrimary: Bool { region == primaryRegion }
}
