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
    /// Last sequence of the domain.
    private(set) var sequence: UInt64 = 0
    private var versions: [String: UInt64] = [:]

    /// By name, the primary first.
    var regionList: [CoordinatorRegion] {
        regions.values.sorted { ($0.primary ? 0 : 1, $0.name) < ($1.primary ? 0 : 1, $1.name) }
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

    func nextVersion(of key: String) -> UInt64 { (versions[key] ?? 0) + 1 }

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
}
