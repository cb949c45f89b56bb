import Contracts
import Foundation
import SwiftProtobuf
import Testing

@testable import PortalService

@Suite("Sessions of several Regions")
struct SessionMergeTests {
    private struct Change: Hashable {
        let key: String
        let value: Data?
    }

    private var changes: [Change] {
        get throws {
            let session = PortalSessionRecord.with {
                $0.session.sessionID = "s1"
                $0.session.userID = "u1"
                $0.session.expiresAtUs = 2_000
            }
            let revocation = PortalRevocationRecord.with { $0.keepUntilUs = 3_000 }
            return [
                Change(key: "session/s1", value: try session.serializedData()),
                Change(key: "session/s1", value: try session.serializedData()),
                Change(key: "revocation/s1", value: try revocation.serializedData()),
            ]
        }
    }

    @Test("a revocation holds in whatever order the copies arrive")
    func order() throws {
        let changes = try changes
        for order in [[0, 1, 2], [0, 2, 1], [2, 0, 1]] {
            var state = SessionState()
            for index in order {
                let change = changes[index]
                try state.put(key: change.key, value: try #require(change.value))
            }
            #expect(state.isRevoked("s1"))
            #expect(state.revocableSessions(of: "u1", now: 1_000).isEmpty)
        }
    }

    @Test("a copy of the session that is swept elsewhere does not bring it back")
    func swept() throws {
        var state = SessionState()
        for change in try changes {
            try state.put(key: change.key, value: try #require(change.value))
        }
        state.remove(key: "session/s1")
        try state.put(key: "session/s1", value: try #require(try changes[0].value))
        #expect(state.isRevoked("s1"))
        #expect(state.revocableSessions(of: "u1", now: 1_000).isEmpty)
        #expect(!state.isOver("revocation/s1", now: 2_999))
    }
}
