import ReplicationLog
import Testing

@Suite("Write gate")
struct WriteGateTests {
    private func code(_ body: () throws -> Void) -> LogError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    private let primary = WriteGate(identity: Sample.identity(), region: Sample.primary)
    private let replica = WriteGate(
        identity: Sample.identity(region: Sample.replica), region: Sample.replica)

    @Test("a Region without an instance writes nothing and takes nothing")
    func noInstance() {
        let gate = WriteGate(identity: nil, region: Sample.replica)
        #expect(code { _ = try gate.admitAppend(to: .control) } == .regionNotEnabled)
        #expect(
            code { _ = try gate.admitAppend(to: .regional(Sample.replica)) } == .regionNotEnabled)
        #expect(code { try gate.admitSender(Sample.primary, of: .control) } == .regionNotEnabled)
    }

    @Test("a control append outside the primary is refused, naming the primary")
    func notPrimary() {
        let error = #expect(throws: LogError.self) {
            try replica.admitAppend(to: .control)
        }
        #expect(error?.code == .notPrimary)
        #expect(error?.primaryRegion == Sample.primary)
        #expect((try? primary.admitAppend(to: .control)) == 1)
    }

    @Test("a regional stream is written by its Region alone, also not by the primary")
    func regional() {
        let stream = StreamName.regional(Sample.replica)
        #expect(code { _ = try primary.admitAppend(to: stream) } == .wrongWriter)
        #expect((try? replica.admitAppend(to: stream)) == 1)
    }

    @Test("a returning Region does not write its stream before it has got it back")
    func returning() {
        let gate = WriteGate(
            identity: Sample.identity(region: Sample.replica, mayWriteOwnStream: false),
            region: Sample.replica)
        let own = StreamName.regional(Sample.replica)
        #expect(code { _ = try gate.admitAppend(to: own) } == .regionNotEnabled)
        #expect(code { try gate.admitSender(Sample.primary, of: own) } == nil)
        #expect(code { try gate.admitSender("us-east-1", of: own) } == .wrongWriter)
        #expect(code { try replica.admitSender(Sample.primary, of: own) } == .wrongWriter)
    }

    @Test("entries come only from the Region that writes their stream")
    func senders() {
        #expect(code { try replica.admitSender(Sample.primary, of: .control) } == nil)
        #expect(code { try replica.admitSender("us-east-1", of: .control) } == .wrongWriter)
        #expect(code { try primary.admitSender(Sample.replica, of: .control) } == .wrongWriter)
        #expect(code { try primary.admitSender(Sample.primary, of: .control) } == .wrongWriter)
        let regional = StreamName.regional("us-east-1")
        #expect(code { try replica.admitSender("us-east-1", of: regional) } == nil)
        #expect(code { try replica.admitSender(Sample.primary, of: regional) } == .wrongWriter)
    }

    @Test("a candidate takes the control stream from others; who promised another does not")
    func candidate() throws {
        var identity = Sample.identity(region: Sample.replica)
        try identity.promise(Succession(epoch: 2, primaryRegion: Sample.replica))
        let candidate = WriteGate(identity: identity, region: Sample.replica)
        #expect(code { try candidate.admitSender("us-east-1", of: .control) } == nil)
        #expect(
            code { try candidate.admitSender("us-east-1", of: .regional("eu-north-1")) }
                == .wrongWriter)
        var voter = Sample.identity(region: Sample.replica)
        try voter.promise(Succession(epoch: 2, primaryRegion: "us-east-1"))
        let gate = WriteGate(identity: voter, region: Sample.replica)
        #expect(code { try gate.admitSender("us-east-1", of: .control) } == .wrongWriter)
    }

    @Test("entries of an earlier or an unknown reign are refused")
    func epochs() {
        let gate = WriteGate(
            identity: Sample.identity(region: Sample.replica, epoch: 3), region: Sample.replica)
        #expect(code { try gate.admitEpoch(2, of: .control, headEpoch: 3) } == .epochStale)
        #expect(code { try gate.admitEpoch(0, of: .control, headEpoch: 0) } == .epochStale)
        #expect(code { try gate.admitEpoch(4, of: .control, headEpoch: 3) } == .epochUnknown)
        #expect(code { try gate.admitEpoch(2, of: .control, headEpoch: 1) } == nil)
    }

    @Test(
        "names that are no stream are refused",
        arguments: [
            "", "Control", "region/", "region/EU-west-1", "region/eu-west-12", "region/eu-1",
            "region/eu-west-1/x", "region/../../x", "regional/eu-west-1",
        ])
    func names(_ text: String) {
        #expect(StreamName(text) == nil)
    }

    @Test("well-formed stream names are read")
    func goodNames() {
        #expect(StreamName("control") == .control)
        #expect(StreamName("region/ap-southeast-2")?.region == "ap-southeast-2")
        #expect(StreamName("region/us-gov-west-1")?.text == "region/us-gov-west-1")
    }
}
