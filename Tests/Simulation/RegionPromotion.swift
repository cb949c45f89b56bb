import ReplicationLog

// Changes of the primary.
extension Region {
    func handleReigns(_ message: Message, from sender: String) {}

    func promote() {}

    func promoteByForce() {}

    /// The planted bug of a Region that takes itself for the primary.
    func usurp() {
        guard var identity = log?.state.identity, !identity.isPrimary else { return }
        identity.history = ReignHistory(epoch: identity.epoch, primaryRegion: name)
        _ = try? transact { try $0.establish(identity) }
    }
}
