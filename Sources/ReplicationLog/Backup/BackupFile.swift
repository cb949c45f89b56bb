package import Contracts
import Crypto
package import Foundation
import SwiftProtobuf

/// Writes one file of a backup: parts behind their lengths, and at the end a hash over all of them.
package struct BackupWriter: ~Copyable {
    private let handle: FileHandle
    private let url: URL
    private let temporary: URL
    private var hasher = SHA256()
    private var entries: UInt64 = 0
    private var events: UInt64 = 0

    /// The file is there under its name only once `finish` has put it there whole.
    package init(_ url: URL) throws {
        self.url = url
        temporary = url.appendingPathExtension("partial")
        let created = FileManager.default.createFile(
            atPath: temporary.path, contents: nil, attributes: [.posixPermissions: 0o600])
        guard created else {
            throw LogError(.storageReadOnly, "The backup's directory cannot be written to.")
        }
        handle = try FileHandle(forWritingTo: temporary)
    }

    package mutating func write(_ part: BackupPart) throws {
        switch part.kind {
        case .entries(let some): entries += UInt64(some.entries.count)
        case .trail(let some): events += UInt64(some.events.count)
        default: break
        }
        let bytes = try Self.framed(part)
        hasher.update(data: bytes)
        try handle.write(contentsOf: bytes)
    }

    /// Ends the file, takes it to the disk and gives it its name. Returns its hash.
    package mutating func finish() throws -> Data {
        var part = BackupPart()
        part.end.entries = entries
        part.end.events = events
        part.end.sha256 = Data(hasher.finalize())
        try handle.write(contentsOf: try Self.framed(part))
        try handle.synchronize()
        try handle.close()
        guard rename(temporary.path, url.path) == 0 else {
            throw LogError(.storageFailed, "The backup file could not be given its name.")
        }
        return part.end.sha256
    }

    /// Leaves nothing behind.
    package func discard() {
        try? handle.close()
        try? FileManager.default.removeItem(at: temporary)
    }

    private static func framed(_ part: BackupPart) throws -> Data {
        let body: Data = try part.serializedData()
        var bytes = Data(capacity: body.count + 5)
        var length = body.count
        while length >= 0x80 {
            bytes.append(UInt8(length & 0x7F | 0x80))
            length >>= 7
        }
        bytes.append(UInt8(length))
        bytes.append(body)
        return bytes
    }
}

/// Reads one file of a backup, and believes nothing before it has been checked.
package struct BackupReader {
    /// More than a part ever has.
    private static let partBytesMax = 16 << 20

    private let handle: FileHandle
    private var hasher = SHA256()
    private var entries: UInt64 = 0
    private var events: UInt64 = 0
    package let bytesTotal: UInt64
    package private(set) var bytesRead: UInt64 = 0
    /// The file's own hash, once its end has been read.
    package private(set) var hash: Data?

    /// Throws: `storageFailed` when the file cannot be read.
    package init(_ url: URL) throws {
        guard let handle = try? FileHandle(forReadingFrom: url) else {
            throw LogError(
                .storageFailed, "The backup file \(url.lastPathComponent) cannot be read.")
        }
        self.handle = handle
        bytesTotal = try handle.seekToEnd()
        try handle.seek(toOffset: 0)
    }

    /// The next part but the end; nil after the end, whose hash and counts have then been verified.
    ///
    /// Throws: `checksumMismatch` when the file is damaged or cut off.
    package mutating func next() throws -> BackupPart? {
        guard hash == nil else { return nil }
        let (frame, body) = try readFrame()
        guard let part = try? BackupPart(serializedBytes: body), let kind = part.kind else {
            throw Self.damaged
        }
        switch kind {
        case .end(let end):
            guard end.sha256 == Data(hasher.finalize()), end.entries == entries,
                end.events == events, bytesRead == bytesTotal
            else { throw Self.damaged }
            hash = end.sha256
            return nil
        case .entries(let some): entries += UInt64(some.entries.count)
        case .trail(let some): events += UInt64(some.events.count)
        case .header: break
        }
        hasher.update(data: frame)
        return part
    }

    private mutating func readFrame() throws -> (frame: Data, body: Data) {
        var frame = Data()
        var length = 0
        while true {
            guard frame.count < 5, let byte = try handle.read(upToCount: 1)?.first else {
                throw Self.damaged
            }
            length |= Int(byte & 0x7F) << (7 * frame.count)
            frame.append(byte)
            if byte < 0x80 { break }
        }
        guard length <= Self.partBytesMax, let body = try handle.read(upToCount: length),
            body.count == length
        else { throw Self.damaged }
        frame.append(body)
        bytesRead += UInt64(frame.count)
        return (frame, body)
    }

    private static var damaged: LogError {
        LogError(.checksumMismatch, "The backup file is damaged or has been cut off.")
    }
}
