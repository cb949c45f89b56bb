/// A fault put into the simulated Regions on purpose, so that a test can show that a checker finds it.
package enum PlantedBug: String, CaseIterable, Sendable {
    /// Appends are answered before they are on the disk.
    case answerBeforeSync = "answer-before-sync"
    /// A Region that is not the primary writes the control stream all the same.
    case secondWriter = "second-writer"
    /// A replica leaves out an entry now and then and goes on.
    case skippedEntry = "skipped-entry"
    /// An append that names the one it follows is written wherever the domain stands.
    case followsAnything = "follows-anything"
    /// Who stands before tombstones that are gone is led on all the same.
    case forgottenTombstones = "forgotten-tombstones"
    /// A service answers at once, whatever position was asked for.
    case readBehindToken = "read-behind-token"
    /// A copy of a session that comes late takes back its revocation.
    case revivedSession = "revived-session"
    /// A snapshot says that the state stood where it did when the last part was written.
    case snapshotFromItsEnd = "snapshot-from-its-end"
}
