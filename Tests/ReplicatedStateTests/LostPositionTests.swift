import Contracts
import ReplicatedState
import SwiftProtobuf
import Testing

@Suite("Positions that are not part of the log any more")
struct LostPositionTests {
    private func snapshot(_ reigns: [(UInt64, UInt64)]) throws -> InstanceSnapshot {
        var response = CoordinatorGetInstanceResponse()
        response.instance.instanceArn = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
        response.epoch = reigns.last?.0 ?? 1
        response.reigns = reigns.map { epoch, after in
            .with {
                $0.epoch = epoch
                $0.afterSequence = after
            }
        }
        return try #require(InstanceSnapshot(response))
    }

    private func position(
        _ epoch: UInt64, _ sequence: UInt64, _ stream: String = "control"
    ) -> LogPosition {
        .with {
            $0.stream = stream
            $0.epoch = epoch
            $0.sequence = sequence
        }
    }

    @Test("what a former primary wrote beyond its successor's beginning is lost")
    func lost() throws {
        let snapshot = try snapshot([(1, 0), (2, 100), (4, 150)])
        #expect(snapshot.hasLost(position(1, 101)))
        #expect(snapshot.hasLost(position(2, 151)))
        // An epoch that was promised and never began.
        #expect(snapshot.hasLost(position(3, 151)))
        #expect(!snapshot.hasLost(position(1, 100)))
        #expect(!snapshot.hasLost(position(2, 150)))
        #expect(!snapshot.hasLost(position(4, 9_000)))
    }

    @Test("a later epoch, another stream and a coordinator that tells no reigns lose nothing")
    func notLost() throws {
        let snapshot = try snapshot([(1, 0), (2, 100)])
        #expect(!snapshot.hasLost(position(3, 500)))
        #expect(!snapshot.hasLost(position(1, 500, "region/eu-west-1")))
        #expect(!(try self.snapshot([])).hasLost(position(1, 500)))
    }
}
