import Foundation

/// Limits of the operating system that a server should not run into early.
enum ProcessLimits {
    /// Raises the number of open files to what the system allows; each connection takes one.
    static func raiseOpenFiles() {
        // struct rlimit: the soft and the hard limit, 64 bits each. Its members are not named,
        // since which module they belong to depends on what the compiler loaded first.
        let limit = UnsafeMutablePointer<rlimit>.allocate(capacity: 1)
        defer { limit.deallocate() }
        let values = UnsafeMutableRawPointer(limit)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, limit) == 0 else { return }
        let soft = values.load(as: UInt64.self)
        let hard = values.load(fromByteOffset: 8, as: UInt64.self)
        let wanted = min(hard, 1 << 20)
        guard soft < wanted else { return }
        values.storeBytes(of: wanted, as: UInt64.self)
        _ = setrlimit(resource, limit)
    }
}
