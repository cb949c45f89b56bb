import Cryptography
import Foundation

/// Reads and makes the file of a root key without its bytes passing through ordinary memory.
enum RootKeyFile {
    private static let byteCountMax = 4096

    /// The file's bytes, or nil when there is none.
    ///
    /// - Throws: `RootKeyError` when others may read it, or when it cannot be read.
    ///
    /// - Parameter followsLinks: for files that something else provides, which may be links.
    static func read(_ path: String, followsLinks: Bool = false) throws -> SecretBytes? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { close(descriptor) }
        // Through Foundation: members of C structures belong to whichever module the compiler
        // happened to load first, so naming them breaks some builds.
        let attributes = try FileManager.default.attributesOfItem(
            atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
        guard let mode = attributes[.posixPermissions] as? Int, mode & 0o077 == 0 else {
            throw RootKeyError(
                code: .exposed, message: "others may read \(path); run: chmod 600 \(path)")
        }
        let count = attributes[.size] as? Int ?? 0
        guard (1...byteCountMax).contains(count) else {
            throw RootKeyError(code: .malformed, message: "\(path) is not a root key")
        }
        return try SecretBytes(count: count) { output in
            var done = 0
            while done < count {
                let got = Foundation.read(
                    descriptor, output.baseAddress.map { $0 + done }, count - done)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { throw failure("read", path) }
                done += got
            }
        }
    }

    /// Makes the file with mode 0600; it is complete and on disk when this returns.
    ///
    /// - Throws: `RootKeyError`, also when there is a file already.
    static func create(_ path: String, contents: SecretBytes) throws {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("make", temporary) }
        do {
            defer { close(descriptor) }
            try contents.withUnsafeBytes { bytes in
                var done = 0
                while done < bytes.count {
                    let put = write(
                        descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                    if put < 0, errno == EINTR { continue }
                    guard put > 0 else { throw failure("write", temporary) }
                    done += put
                }
            }
            guard fsync(descriptor) == 0 else { throw failure("write", temporary) }
        } catch {
            unlink(temporary)
            throw error
        }
        // A link fails when the name is taken, where a rename would replace the file.
        let linked = link(temporary, path)
        let linkError = errno
        unlink(temporary)
        guard linked == 0 else {
            throw RootKeyError(
                code: .unreadable,
                message: "cannot make \(path): \(String(cString: strerror(linkError)))")
        }
        try synchronizeDirectory(of: path)
    }

    /// Puts a complete file in the place of another; the change is on disk when this returns.
    static func replace(_ path: String, with replacement: String) throws {
        guard rename(replacement, path) == 0 else { throw failure("replace", path) }
        try synchronizeDirectory(of: path)
    }

    private static func synchronizeDirectory(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("synchronise", directory) }
    }

    private static func failure(_ action: String, _ path: String) -> RootKeyError {
        RootKeyError(
            code: .unreadable,
            message: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
