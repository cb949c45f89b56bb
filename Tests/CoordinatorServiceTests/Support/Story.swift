import Contracts
import Foundation
import GRDB
import RPC
import ReplicationLog
import SwiftProtobuf
import Testing

/// Waits until something holds, for a bounded time.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(15),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record(what, sourceLocation: sourceLocation)
    throw Timeout()
}

struct Timeout: Error {}

/// The refusal of a call; nil when it is answered.
func refusal(_ body: () async throws -> Void) async -> RPCError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RPCError
    }
}

extension World {
    static let keyID = "mrk-0123456789abcdef0123456789abcdef"

    /// An organization instance with an external identity provider and a multi-Region key.
    func instanceReadyToReplicate() async throws {
        let client = try administration()
        _ = try await client.createInstance(
            .with {
                $0.name = "Example"
                $0.kind = .organization
                $0.identitySource = .externalIdp
            })
        _ = try await client.putIdentityProvider(.with { $0.identityProvider = Self.provider })
        keys.addKey(Self.keyID, in: World.primary)
        _ = try await client.updateInstance(.with { $0.kmsKeyID = Self.keyID })
        try await eventually("the key is in force") {
            try await client.getInstance(.init()).instance.encryption.status == .enabled
        }
    }

    static var provider: CoordinatorIdentityProvider {
        .with {
            $0.entityID = "https://idp.example/metadata"
            $0.signInURL = "https://idp.example/sso"
            $0.binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
            $0.signingCertificates = [Data(count: 300)]
        }
    }

    /// Adds a Region and waits until it is ACTIVE.
    func add(_ region: String) async throws {
        keys.addKey(Self.keyID, in: region)
        let client = try administration()
        #expect(try await client.addRegion(.with { $0.region = region }).status == .adding)
        try await eventually("\(region) becomes active") {
            let regions = try await client.listRegions(.init()).regions
            return regions.first { $0.name == region }?.status == .active
        }
    }

    /// Appends keys as a service does, and returns the position.
    @discardableResult
    func append(
        _ keys: [String], domain: String = "directory", region: String = World.primary,
        version: UInt64 = 1
    ) async throws -> LogPosition {
        let records = keys.map { key in
            LogRecord.with {
                $0.key = key
                $0.version = version
                $0.value = Data("value of \(key)".utf8)
            }
        }
        return try await append(records, domain, region)
    }

    /// Deletes a key of the directory as its service does.
    func delete(_ key: String, version: UInt64) async throws {
        let tombstone = LogRecord.with {
            $0.key = key
            $0.version = version
            $0.tombstone = true
        }
        _ = try await append([tombstone], "directory", World.primary)
    }

    private func append(
        _ records: [LogRecord], _ domain: String, _ region: String
    ) async throws -> LogPosition {
        let owners = ["directory": "directory", "permission": "permission", "session": "portal"]
        let log = try log(region, as: owners[domain] ?? "directory")
        var expected: UInt64 = 0
        while true {
            do {
                return try await log.append(
                    .with {
                        $0.scope = domain == "session" ? .regional : .control
                        $0.domain = domain
                        $0.expectedDomainSequence = expected
                        $0.records = records
                    }
                ).position
            } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
                expected = error.metadata["domain-sequence"].flatMap(UInt64.init) ?? 0
            }
        }
    }

    /// Spoils what a stopped Region's database holds of a key. Returns how many entries that were.
    func spoil(_ key: String, in region: String) throws -> Int {
        let database = try DatabaseQueue(
            path: directory.appending(path: region).path + "/log.sqlite")
        defer { try? database.close() }
        return try database.write { db in
            try db.execute(
                sql: "UPDATE entries SET value = CAST('spoiled' AS BLOB) WHERE key = ?",
                arguments: [key])
            return db.changesCount
        }
    }

    /// Writes an entry that the primary never wrote into the files of a stopped Region.
    func forge(_ key: String, after position: LogPosition, in region: String) async throws {
        let engine = try SQLiteLogEngine(
            path: directory.appending(path: region).path + "/log.sqlite", region: region)
        let head = engine.state.position(of: .control)
        #expect(head.sequence >= position.sequence)
        var entry = LogEntry.with {
            $0.stream = "control"
            $0.sequence = head.sequence + 1
            $0.epoch = head.epoch
            $0.commit = head.sequence + 1
            $0.domain = "directory"
            $0.key = key
            $0.version = 1
        }
        entry.checksum = entry.computedChecksum
        let through = LogPosition.with {
            $0.stream = "control"
            $0.sequence = entry.sequence
            $0.epoch = entry.epoch
        }
        let batch = ReceivedBatch(
            sender: World.primary, logID: engine.state.identity?.logID ?? "", stream: "control",
            entries: [entry], after: head.sequence, through: through, compactedThrough: 0,
            purgedThrough: 0)
        _ = try await engine.apply(batch.validated())
        await engine.close()
    }

    /// Keys of a domain as a service in the Region would see them.
    func keys(of domain: String, in region: String) async throws -> Set<String> {
        let tail = try await log(region, as: "directory").tail(
            .with { $0.domains = [domain] }, options: CallOptions(timeout: .seconds(10)))
        var keys = Set<String>()
        for try await message in tail {
            for entry in message.batch.entries {
                if entry.tombstone { keys.remove(entry.key) } else { keys.insert(entry.key) }
            }
        }
        return keys
    }

    /// Waits until a Region has applied a position.
    func wait(for position: LogPosition, in region: String) async throws {
        let client = try log(region, as: "directory")
        try await eventually("\(region) reaches \(position.sequence) of \(position.stream)") {
            try await client.getPositions(.init()).heads.contains {
                $0.stream == position.stream && $0.sequence >= position.sequence
            }
        }
    }
}
