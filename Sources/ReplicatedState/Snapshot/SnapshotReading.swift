package import Contracts
import Cryptography
import Foundation
import Logging
import RPC
import SwiftProtobuf

/// Builds a replica's state from the snapshot of an earlier process.
struct SnapshotReading<State: DomainState>: Sendable {
    let replica: DomainReplica<State>
    let snapshot: InstanceSnapshot
    let path: String

    /// Whether the replica now holds the state of the file. What cannot be used is removed.
    ///
    /// Throws: `RPCError` when the keys service cannot be asked, `CancellationError`.
    func run() async throws -> Bool {
        do {
            let reader = try await SnapshotFile.onQueue { [path] in try SnapshotFileReader(path) }
            guard let reader else { return false }
            try check(reader.head)
            guard let held = try await openDataKeys(reader.head) else { return false }
            let key = try fileKey(reader.head, held)
            let began = ContinuousClock.now
            try await adopt(reader, key, held)
            replica.logger.info(
                "the state was taken from its snapshot",
                metadata: ["took": "\(ContinuousClock.now - began)"])
            return true
        } catch let error as RPCError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            replica.logger.warning(
                "the snapshot of the state cannot be used; the whole log is read instead",
                metadata: ["file": "\(path)", "problem": "\(error)"])
            SnapshotFile.remove(path)
            return false
        }
    }

    private func check(_ head: StateSnapshotHead) throws {
        guard head.layout == State.snapshotLayout else {
            throw SnapshotProblem("another version of the program wrote it")
        }
        // With "/<n>" behind it once streams have been taken back here.
        let log = head.logID.prefix { $0 != "/" }
        guard head.instanceArn == snapshot.instance.instanceArn, log == snapshot.logID else {
            throw SnapshotProblem("it is of another instance")
        }
        guard head.domains == replica.settings.domains.map(\.name) else {
            throw SnapshotProblem("it is of other domains")
        }
    }

    /// Nil when the keys service refuses: the log then tells what to answer with, or brings newer
    /// wrappings.
    private func openDataKeys(_ head: StateSnapshotHead) async throws -> [HeldDataKey]? {
        var held: [HeldDataKey] = []
        for saved in head.dataKeys {
            let start = ContinuousClock.now
            do {
                let key = try await replica.wrapper.open(saved.record, for: snapshot)
                held.append(
                    HeldDataKey(
                        record: saved.record, version: saved.version, stream: saved.stream,
                        domain: saved.domain, key: key, checkedAt: start))
            } catch let error as RPCError where error.isKeyRefusal {
                return nil
            }
        }
        return held
    }

    private func fileKey(_ head: StateSnapshotHead, _ held: [HeldDataKey]) throws -> AEADKey {
        var plaintext = try RecordSealer.open(head.fileKey, at: head.filePlace) { id in
            held.first { $0.record.dataKeyID == id }?.key
        }
        return try AEADKey(SecretBytes(wiping: &plaintext))
    }

    /// Reads and opens a part while the one before goes into the state.
    private func adopt(
        _ reader: SnapshotFileReader, _ key: AEADKey, _ held: [HeldDataKey]
    ) async throws {
        let state = State()
        let end = try await withThrowingTaskGroup(of: SnapshotFileReader.Part.self) { group in
            group.addTask { try await SnapshotFile.onQueue { try reader.next(key) } }
            while let part = try await group.next() {
                switch part {
                case .end(let end): return end
                case .items(let bytes):
                    group.addTask { try await SnapshotFile.onQueue { try reader.next(key) } }
                    guard bytes.withUnsafeBytes({ state.restore(SnapshotPartReader($0)) }) else {
                        throw SnapshotProblem("a part is not what a state writes")
                    }
                }
            }
            throw CancellationError()
        }
        replica.adopt(state, reader.head, end, held)
    }
}

extension ReplicaCore {
    /// Takes over a state from a snapshot. It opens once the log has been read beyond the moment at
    /// which the file was finished.
    package mutating func adopt(
        _ state: State, _ head: StateSnapshotHead, _ end: StateSnapshotEnd
    ) {
        drop()
        self.state = state
        logID = head.logID
        for place in head.from {
            progress[place.stream] = StreamProgress(place)
        }
        for place in end.through where place.sequence > 0 {
            opensAfter[place.stream] = place.sequence
        }
    }
}

extension DomainReplica {
    fileprivate func adopt(
        _ state: sending State, _ head: StateSnapshotHead, _ end: StateSnapshotEnd,
        _ held: [HeldDataKey]
    ) {
        ring.removeAll()
        for key in held { ring.insert(key) }
        let given = Given(state: state)
        withCore { core in core.adopt(given.state, head, end) }
    }
}

/// A state that its builder has given away: from here on it is only touched under the replica's lock.
private struct Given<State: DomainState>: @unchecked Sendable {
    let state: State
}

extension StreamProgress {
    fileprivate init(_ place: StateSnapshotPlace) {
        epoch = place.epoch
        sequence = place.sequence
        domainSequence = place.domainSequence
    }
}
