import Foundation
import SystemPackage

/// Reads and writes PEM files. Writing never replaces a file.
enum PKIFiles {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func makeDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw PKIError(
                .cannotWrite, "The directory \(path) cannot be made.",
                remedy: "Check that its parent exists and that you may write to it.")
        }
    }

    /// Creates the file and writes it to disk; refuses when there is one.
    static func create(_ path: String, _ text: String, mode: FilePermissions) throws {
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate], permissions: mode)
            try file.closeAfter {
                _ = try file.writeAll(text.utf8)
                try syncToDisk(file)
            }
        } catch Errno.fileExists {
            throw PKIError(
                .alreadyExists, "\(path) exists already.",
                remedy: "Nothing is overwritten: move it away first if it is to be replaced.")
        } catch {
            throw PKIError(
                .cannotWrite, "\(path) cannot be written: \(error).",
                remedy: "Check the permissions of its directory and the free space.")
        }
    }

    /// Replaces the file in one step. Only for renewing what was asked to be renewed.
    static func replace(_ path: String, _ text: String, mode: FilePermissions) throws {
        let fresh = "\(path).new-\(UInt32.random(in: .min ... .max))"
        try create(fresh, text, mode: mode)
        guard rename(fresh, path) == 0 else {
            let problem = Errno(rawValue: errno)
            unlink(fresh)
            throw PKIError(
                .cannotWrite, "\(path) cannot be replaced: \(problem).",
                remedy: "Check the permissions of its directory.")
        }
    }

    static func read(_ path: String, remedy: String) throws -> String {
        guard exists(path) else {
            throw PKIError(.notFound, "\(path) does not exist.", remedy: remedy)
        }
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw PKIError(
                .unreadable, "\(path) cannot be read.",
                remedy: "Check its permissions: keys are readable by their owner only.")
        }
    }

    private static func syncToDisk(_ file: FileDescriptor) throws {
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
}
