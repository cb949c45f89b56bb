import Foundation

/// Limits of the operating system that a server should not run into early.
enum ProcessLimits {
    /// Raises the number of open files to what the system allows; each connection takes one.
    static func raiseOpenFiles() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = min(limit.rlim_max, 1 << 20)
        _ = setrlimit(resource, &limit)
    }
}
