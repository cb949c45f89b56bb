import Foundation

/// Holds a data directory for one process, since keys and policies are cached in memory.
final class DirectoryLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `KeyStoreError` when the directory cannot be made or another process has it.
    init(directory: String) throws {
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw Self.failure("make", directory)
        }
        let path = "\(directory)/lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("write", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw KeyStoreError(message: "another process uses the data directory \(directory)")
        }
    }

    deinit {
        close(descriptor)
    }

    private static func failure(_ action: String, _ path: String) -> KeyStoreError {
        KeyStoreError(message: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
