import Contracts
import Cryptography
import Foundation
import SwiftProtobuf

/// Why a file is not what a snapshot has to be.
struct SnapshotProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The file of a snapshot. Layout: state.proto, `SnapshotHead`.
enum SnapshotFile {
    static let magic = Array("PTLNSNP1".utf8)
    static let headBytesMax = 1 << 20
    /// A part ends with the first item beyond this.
    static let partBytes = 1 << 20
    static let partBytesMax = 64 << 20

    enum PartKind: UInt8 {
        case items = 0
        case end = 1
    }

    /// Files are read and written here: a slow disk must not hold a thread that others need.
    private static let queue = DispatchQueue(label: "portolan.snapshot", qos: .utility)

    static func onQueue<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }

    /// Whether there is room for a file of about so many bytes and as much again for the log.
    static func hasRoom(for byteCount: Int, at path: String) -> Bool {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
        guard let free = attributes?[.systemFreeSize] as? NSNumber else { return true }
        return free.int64Value > 2 * Int64(byteCount)
    }

    /// When the file was written; nil when there is none.
    static func date(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }

    static func byteCount(_ path: String) -> Int {
        let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber
        return size?.intValue ?? 0
    }

    static func partial(_ path: String) -> String { path + ".partial" }

    /// Removes the file, and one that was not finished.
    static func remove(_ path: String) {
        for path in [path, partial(path)] { try? FileManager.default.removeItem(atPath: path) }
    }

    static func nonce(_ part: UInt64) -> [UInt8] {
        var nonce: [UInt8] = [0, 0, 0, 0]
        AssociatedData.append(part, to: &nonce)
        return nonce
    }
}

/// Writes a snapshot beside the one before, which it then replaces as a whole.
// Sendable because it is used by one task, on the queue of files.
final class SnapshotFileWriter: @unchecked Sendable {
    /// What is not on the disk yet must not keep the log's own writes waiting.
    private static let bytesUnsynchronizedMax = 8 << 20

    private let path: String
    private let file: FileHandle
    private let key: AEADKey
    private let headHash: [UInt8]
    private var parts: UInt64 = 0
    private(set) var byteCount = 0
    private var synchronizedByteCount = 0
    private var partialPath: String { SnapshotFile.partial(path) }

    init(_ path: String, head: StateSnapshotHead, key: AEADKey) throws {
        self.path = path
        self.key = key
        let head: [UInt8] = try head.serializedBytes()
        headHash = try SHA256.hash(head)
        let partial = SnapshotFile.partial(path)
        try? FileManager.default.removeItem(atPath: partial)
        guard
            FileManager.default.createFile(
                atPath: partial, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: partial)
        else { throw SnapshotProblem("\(partial) cannot be made") }
        self.file = file
        var start = SnapshotFile.magic
        head.withUnsafeBytes { AssociatedData.append($0, to: &start) }
        try write(start)
    }

    func write(_ part: [UInt8], _ kind: SnapshotFile.PartKind = .items) throws {
        let count = part.count + AEADKey.tagByteCount
        guard count <= SnapshotFile.partBytesMax else {
            throw SnapshotProblem("one call of the state gave \(count) bytes")
        }
        var sealed: [UInt8] = []
        sealed.reserveCapacity(count + 4)
        AssociatedData.append(UInt32(count), to: &sealed)
        sealed.append(contentsOf: repeatElement(0, count: count))
        try sealed.withUnsafeMutableBytes { sealed in
            try part.withUnsafeBytes { part in
                try SnapshotFile.nonce(parts).withUnsafeBytes { nonce in
                    try (headHash + [kind.rawValue]).withUnsafeBytes { associated in
                        try key.seal(
                            part, nonce: nonce, authenticating: associated,
                            into: UnsafeMutableRawBufferPointer(rebasing: sealed[4...]))
                    }
                }
            }
        }
        parts += 1
        try write(sealed)
    }

    private func write(_ bytes: [UInt8]) throws {
        try file.write(contentsOf: bytes)
        byteCount += bytes.count
        if byteCount - synchronizedByteCount >= Self.bytesUnsynchronizedMax {
            try file.synchronize()
            synchronizedByteCount = byteCount
        }
    }

    /// Writes the end and puts the file in its place.
    func finish(through places: [StateSnapshotPlace]) throws {
        var end = StateSnapshotEnd()
        end.through = places
        end.parts = parts
        try write(try end.serializedBytes(), .end)
        try file.synchronize()
        try file.close()
        guard rename(partialPath, path) == 0 else {
            throw SnapshotProblem("\(path) cannot be replaced")
        }
    }

    /// Leaves nothing behind.
    func abandon() {
        try? file.close()
        try? FileManager.default.removeItem(atPath: partialPath)
    }
}

/// Reads a snapshot from its start to its end.
// Sendable because it is handed from one reader to the next: a part is read once the one before is there.
final class SnapshotFileReader: @unchecked Sendable {
    let head: StateSnapshotHead
    private let headHash: [UInt8]
    private let file: FileHandle
    private var parts: UInt64 = 0

    enum Part: Sendable {
        case items([UInt8])
        case end(StateSnapshotEnd)
    }

    /// Nil when there is no file.
    init?(_ path: String) throws {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        self.file = file
        guard let magic = try file.read(upToCount: SnapshotFile.magic.count),
            Array(magic) == SnapshotFile.magic
        else { throw SnapshotProblem("it is no snapshot") }
        let head = try Self.block(file, atMost: SnapshotFile.headBytesMax)
        headHash = try SHA256.hash(head)
        guard let head = try? StateSnapshotHead(serializedBytes: head) else {
            throw SnapshotProblem("its head is not one")
        }
        self.head = head
    }

    /// The next part.
    ///
    /// Throws: `SnapshotProblem` for what the key's holder did not write, in this order.
    func next(_ key: AEADKey) throws -> Part {
        let sealed = try Self.block(file, atMost: SnapshotFile.partBytesMax)
        for kind in [SnapshotFile.PartKind.items, .end] {
            guard let bytes = try? open(sealed, kind, key) else { continue }
            parts += 1
            guard kind == .end else { return .items(bytes) }
            guard let end = try? StateSnapshotEnd(serializedBytes: bytes), end.parts == parts - 1
            else { throw SnapshotProblem("its end is not one") }
            return .end(end)
        }
        throw SnapshotProblem("part \(parts) is not what was written")
    }

    private func open(
        _ sealed: Data, _ kind: SnapshotFile.PartKind, _ key: AEADKey
    ) throws -> [UInt8] {
        guard sealed.count >= AEADKey.tagByteCount else { throw SnapshotProblem("it is cut off") }
        let count = sealed.count - AEADKey.tagByteCount
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let output = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[0..<count])
            try sealed.withUnsafeBytes { sealed in
                try SnapshotFile.nonce(parts).withUnsafeBytes { nonce in
                    try (headHash + [kind.rawValue]).withUnsafeBytes { associated in
                        try key.open(
                            sealed, nonce: nonce, authenticating: associated, into: output)
                    }
                }
            }
            initialized = count
        }
    }

    /// Bytes behind their length.
    private static func block(_ file: FileHandle, atMost limit: Int) throws -> Data {
        guard let length = try file.read(upToCount: 4), length.count == 4 else {
            throw SnapshotProblem("it is cut off")
        }
        let count = length.reduce(0) { $0 << 8 | Int($1) }
        guard count <= limit else { throw SnapshotProblem("a part has \(count) bytes") }
        guard count > 0 else { return Data() }
        guard let block = try file.read(upToCount: count), block.count == count else {
            throw SnapshotProblem("it is cut off")
        }
        return block
    }
}
