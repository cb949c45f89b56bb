import Contracts
import ReplicationLog
import SwiftProtobuf

/// Keys of the domain "instance" in the control stream. Values are plain messages: they hold no
/// secret.
enum InstanceKey {
    static let instance = "instance"
    static let identityProvider = "identity-provider"
    static let regionPrefix = "region/"
    static let workflowPrefix = "workflow/"
    /// The encryption that was in force before a change that is on its way (Encryption).
    static let previousEncryption = "workflow/encryption"

    /// The last entry of a reign: whom the primary has handed over to.
    static let handover = "handover"

    static func region(_ name: String) -> String { regionPrefix + name }
    static func workflow(_ region: String) -> String { workflowPrefix + region }
}

/// The instance, its Regions and workflows, as the domain "instance" says.
struct InstanceState: Sendable {
    /// Goes up with every change.
    private(set) var revision: UInt64 = 0
    private(set) var instance: CoordinatorInstance?
    private(set) var identityProvider: CoordinatorIdentityProvider?
    private(set) var regions: [String: CoordinatorRegion] = [:]
    /// Progress and failures of Region workflows, by Region.
    private(set) var workflows: [String: CoordinatorRegionProgress] = [:]
    private(set) var previousEncryption: CoordinatorEncryption?
    /// The newest reign that a primary has handed over to; begins after the commit that says so.
    private(set) var handover: Reign?
    /// Last sequence of the domain.
    private(set) var sequence: UInt64 = 0
    private var versions: [String: UInt64] = [:]

    /// By name, the primary first. Who that is, the reign says.
    func regionList(primary: String?) -> [CoordinatorRegion] {
        regions.values.map { record in
            var record = record
            record.primary = record.name == primary
            return record
        }.sorted { ($0.primary ? 0 : 1, $0.name) < ($1.primary ? 0 : 1, $1.name) }
    }

    /// The Region that a workflow is busy with.
    var regionInTransition: CoordinatorRegion? {
        regions.values.first { $0.status == .adding || $0.status == .removing }
    }

    mutating func advance(to sequence: UInt64) { self.sequence = max(self.sequence, sequence) }

    /// Forgets everything, for a Region that has left or copies again; the revision still goes up.
    mutating func clear() {
        let revision = revision
        self = InstanceState()
        self.revision = revision + 1
    }

    /// Of the newest entry of a key; 0 when there is none.
    func version(of key: String) -> UInt64 { versions[key] ?? 0 }

    func nextVersion(of key: String) -> UInt64 { version(of: key) + 1 }

    /// Takes in an entry of the domain. A value that cannot be read counts as absent.
    mutating func apply(_ entry: LogEntry) {
        revision += 1
        sequence = max(sequence, entry.sequence)
        versions[entry.key] = entry.version
        let value = entry.tombstone ? nil : entry.value
        func message<M: Message>(_ type: M.Type) -> M? {
            value.flatMap { try? M(serializedBytes: $0) }
        }
        switch entry.key {
        case InstanceKey.instance: instance = message(CoordinatorInstance.self)
        case InstanceKey.identityProvider:
            identityProvider = message(CoordinatorIdentityProvider.self)
        case InstanceKey.handover:
            handover = value == nil ? nil : try? Self.handover(entry)
        case InstanceKey.previousEncryption:
            previousEncryption = message(CoordinatorEncryption.self)
        case let key where key.hasPrefix(InstanceKey.regionPrefix):
            let name = String(key.dropFirst(InstanceKey.regionPrefix.count))
            regions[name] = message(CoordinatorRegion.self)
        case let key where key.hasPrefix(InstanceKey.workflowPrefix):
            let name = String(key.dropFirst(InstanceKey.workflowPrefix.count))
            workflows[name] = message(CoordinatorRegionProgress.self)
        default: break
        }
    }

    /// The reign that a handover names.
    static func handover(_ entry: LogEntry) throws -> Reign {
        let reign = try LogReign(serializedBytes: entry.value)
        return Reign(
            epoch: reign.epoch, primaryRegion: reign.primaryRegion, after: entry.commit)
    }
}
