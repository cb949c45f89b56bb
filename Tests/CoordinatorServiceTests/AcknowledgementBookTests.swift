import Contracts
import ReplicationLog
import SwiftProtobuf
import Testing

@testable import CoordinatorService

@Suite("What other Regions have acknowledged, shared by the coordinators of a Region")
struct AcknowledgementBookTests {
    private let second: Int64 = 1_000_000

    private func acknowledgement(_ sequence: UInt64) -> CoordinatorAcknowledgeRequest {
        .with {
            $0.region = "eu-west-1"
            $0.applied = [
                .with {
                    $0.stream = "control"
                    $0.sequence = sequence
                }
            ]
        }
    }

    @Test("what was kept before this process started is no sign of life")
    func start() {
        let book = AcknowledgementBook(["eu-west-1": [.control: 7]], isShared: true, at: 0)
        book.take(["eu-west-1": [.control: 7]], at: second)
        let info = book.info("eu-west-1")
        #expect(info?.applied[.control] == 7)
        #expect(info?.isConnected(at: second) == false)
        #expect(info?.hasSpoken == false)
    }

    @Test("news that another coordinator has kept count as heard, for a while")
    func heardElsewhere() {
        let book = AcknowledgementBook(["eu-west-1": [.control: 7]], isShared: true, at: 0)
        book.take(["eu-west-1": [.control: 9]], at: second)
        let info = book.info("eu-west-1")
        #expect(info?.applied[.control] == 9)
        #expect(info?.hasSpoken == true)
        #expect(info?.isConnected(at: 2 * second) == true)
        #expect(info?.isConnected(at: 20 * second) == false)
        book.take(["eu-west-1": [.control: 9]], at: 21 * second)
        #expect(book.info("eu-west-1")?.isConnected(at: 21 * second) == false)
    }

    @Test("a Region may be subscribed here and acknowledge at another coordinator, and the reverse")
    func apart() {
        let book = AcknowledgementBook([:], isShared: true, at: 0)
        book.subscribed("eu-west-1", by: 1)
        book.take(["eu-west-1": [.control: 9]], at: second)
        #expect(book.info("eu-west-1")?.applied[.control] == 9)
        #expect(book.info("eu-west-1")?.isConnected(at: 60 * second) == true)
        let other = AcknowledgementBook([:], isShared: true, at: 0)
        other.acknowledge(acknowledgement(9), at: second)
        #expect(other.info("eu-west-1")?.isConnected(at: 2 * second) == true)
        #expect(other.info("eu-west-1")?.isConnected(at: 60 * second) == false)
        let alone = AcknowledgementBook([:], isShared: false, at: 0)
        alone.acknowledge(acknowledgement(9), at: second)
        #expect(alone.info("eu-west-1")?.isConnected(at: 2 * second) == false)
    }

    @Test("who acknowledges here is known better here")
    func heardHere() {
        let book = AcknowledgementBook([:], isShared: true, at: 0)
        book.acknowledge(acknowledgement(12), at: second)
        book.take(["eu-west-1": [.control: 9]], at: second)
        #expect(book.info("eu-west-1")?.applied[.control] == 12)
        #expect(book.takeUnsaved() == ["eu-west-1": [.control: 12]])
    }

    @Test("a Region that another coordinator has forgotten is forgotten here, and begins anew")
    func forgotten() {
        let book = AcknowledgementBook(["eu-west-1": [.control: 900]], isShared: true, at: 0)
        book.take(["eu-west-1": [.control: 901]], at: second)
        book.take([:], at: 2 * second)
        #expect(book.info("eu-west-1") == nil)
        #expect(book.forCompaction(at: 2 * second).replicas.isEmpty)
        book.take(["eu-west-1": [.control: 3]], at: 3 * second)
        #expect(book.info("eu-west-1")?.applied[.control] == 3)
    }
}
