import Logging
import RPC
import ReplicatedState
import ReplicatedStateTesting

/// A state of texts by key.
final class TextState: DomainState {
    var texts: [String: String] = [:]
    var versions: [String: UInt64] = [:]
    /// Records that the state has left out, as if it could not read them.
    var unknownKeys: Set<String> = []
    /// Keys in the order in which they came.
    private var keys: [String] = []

    init() {}

    func apply(_ change: DomainChange) {
        if versions[change.key] == nil { keys.append(change.key) }
        versions[change.key] = change.version
        texts[change.key] = change.value.map { String(decoding: $0, as: UTF8.self) }
    }

    func version(ofRecord key: String, in stream: String) -> UInt64? {
        unknownKeys.contains(key) ? nil : versions[key]
    }

    var isComparable: Bool { unknownKeys.isEmpty }
    var recordCount: Int? { texts.count }

    static var snapshotLayout: UInt32 { 7 }
    var isSnapshotable: Bool { unknownKeys.isEmpty }

    /// One key at a time.
    func copy(from place: Int, into part: inout SnapshotPart) -> Int? {
        guard place < keys.count else { return nil }
        let key = keys[place]
        Array(key.utf8).withUnsafeBytes { part.append($0) }
        part.append(versions[key] ?? 0)
        part.append(UInt8(texts[key] == nil ? 0 : 1))
        Array((texts[key] ?? "").utf8).withUnsafeBytes { part.append($0) }
        return place + 1
    }

    func restore(_ part: SnapshotPartReader) -> Bool {
        var part = part
        while !part.isAtEnd {
            guard let key = part.lent().map({ String(wire: $0) }),
                let version = part.uint64(), let isLive = part.byte(),
                let text = part.lent().map({ String(wire: $0) })
            else { return false }
            keys.append(key)
            versions[key] = version
            texts[key] = isLive == 1 ? text : nil
        }
        return true
    }

    /// Sets a text.
    func put(_ key: String, _ text: String) -> RecordChange {
        .put(key, version: (versions[key] ?? 0) + 1, Array(text.utf8))
    }
}

/// A replica with its writers in one Region.
struct TextService: Sendable {
    static let control = DomainBinding("text", .control)
    static let regional = DomainBinding("note", .regional)

    let replica: DomainReplica<TextState>
    let writer: DomainWriter<TextState>
    let regionalWriter: DomainWriter<TextState>

    init(
        _ region: TestRegion, hold: Duration = .seconds(300),
        unusedDataKeyKeep: Duration = .seconds(86_400), snapshotFile: String? = nil,
        comparisonPace: ComparisonPace = .standard
    ) {
        let clients = ReplicaClients(region.channels, region: region.name)
        let logger = Logger(label: "test")
        replica = DomainReplica(
            ReplicaSettings(
                region: region.name, domains: [Self.control, Self.regional], context: .instance,
                dataKeyHold: hold, keyRetryDelay: .milliseconds(20),
                unusedDataKeyKeep: unusedDataKeyKeep, snapshotFile: snapshotFile,
                snapshotPace: .eager, comparisonPace: comparisonPace),
            clients: clients, instance: InstanceMonitor(clients.instance, logger: logger),
            logger: logger)
        writer = DomainWriter(replica, domain: Self.control)
        regionalWriter = DomainWriter(replica, domain: Self.regional)
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await replica.instance.run() }
            group.addTask { try await replica.run() }
            group.addTask { try await writer.run() }
            group.addTask { try await regionalWriter.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Waits until the state has been read, then writes.
    func put(_ key: String, _ text: String) async throws -> Written<Void> {
        await loaded()
        return try await writer.submit(until: .after(.seconds(20))) { state in
            DomainWrite((), changes: [state.put(key, text)])
        }
    }

    func note(_ key: String, _ text: String) async throws -> Written<Void> {
        await loaded()
        return try await regionalWriter.submit(until: .after(.seconds(20))) { state in
            DomainWrite((), changes: [state.put(key, text)])
        }
    }

    func text(_ key: String) throws -> String? { try replica.read { $0.texts[key] } }

    private func loaded() async {
        _ = await eventually { if case .loading = replica.status { false } else { true } }
    }

    func isOpen() async -> Bool { await eventually { replica.status.isOpen } }

    /// The reason for being closed, once it is.
    func closedReason() async -> String? {
        _ = await eventually { if case .closed = replica.status { true } else { false } }
        guard case .closed(let error) = replica.status else { return nil }
        return error.reason
    }
}

extension SnapshotPace {
    /// After every change.
    static var eager: SnapshotPace {
        SnapshotPace(look: .milliseconds(5), rest: .zero, entriesMin: 1)
    }
}

/// One primary and one additional Region over one log.
struct TwoRegions: Sendable {
    let log = FakeLog(primary: "eu-central-1")
    let primary: TestRegion
    let other: TestRegion

    init() {
        let material = FakeKeyMaterial()
        primary = TestRegion("eu-central-1", log: log, material: material)
        other = TestRegion("us-east-1", log: log, material: material)
    }
}

/// The RPC error that an operation ends with.
func failure<Value>(of operation: () async throws -> Value) async -> RPCError? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error as? RPCError
    }
}
