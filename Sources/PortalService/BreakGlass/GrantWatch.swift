import Contracts
import Foundation
import Logging
import ServiceKit

/// Writes down how the grants of this Region ended, whatever ended them, and ends those whose user is
/// disabled or gone.
struct GrantWatch: Sendable {
    private static let batchMax = 100
    let desk: GrantDesk
    let breakGlass: any RecordLog<BreakGlassState>
    let instance: InstanceWatch
    let logger: Logger

    /// Runs until cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                try await look()
            } catch {
                logger.debug("ended grants stay open for now", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(2))
        }
    }

    func look() async throws {
        for ended in try due().prefix(Self.batchMax) {
            var actor = TrailActor()
            actor.type = "BreakGlassUser"
            actor.accountID = try instance.required().instance.ownerAccountID
            actor.userName = ended.userName
            actor.principalID = ended.userID
            actor.credentialID = ended.grantID
            do {
                try await desk.close(ended, event: BreakGlassEvents.ended(ended, actor: actor))
            } catch is GrantDesk.Closed {
                // Another process of this portal has written it.
                continue
            }
        }
    }

    /// Grants of this Region that are over without having been written so, with their end.
    private func due() throws -> [PortalBreakGlassGrant] {
        let time = desk.now().microseconds
        let region = desk.region
        let enabled = try breakGlass.read { state in
            Set(state.users.values.lazy.map(\.user).filter(\.enabled).map(\.userID))
        }
        return try desk.log.read { state in
            state.grants.all.values.filter { $0.region == region && $0.endedAtUs == 0 }
                .compactMap { grant in
                    var ended = state.described(grant, now: time)
                    if ended.endedAtUs == 0, !enabled.contains(grant.userID) {
                        ended.endedAtUs = time
                        ended.endCause = BreakGlassEvents.userGone
                    }
                    return ended.endedAtUs == 0 ? nil : ended
                }
        }
    }
}
