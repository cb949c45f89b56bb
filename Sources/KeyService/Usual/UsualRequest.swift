import ReplicatedState

/// A cryptographic request of the usual shape, taken apart where it lies: a key, a payload, at most one
/// pair of encryption context. Anything else is for the general path.
struct UsualRequest {
    typealias Bytes = UnsafeRawBufferPointer

    enum Role: Sendable {
        case key, payload, context, number, flag
        /// Present only in requests that are not usual.
        case unusual
    }

    /// What each field means, by its number from 1.
    typealias Shape = [Role]

    static let encrypt: Shape = [.key, .payload, .context, .number]
    static let decrypt: Shape = [.payload, .context, .key, .number]
    static let dataKey: Shape = [.key, .context, .number]
    static let sign: Shape = [.key, .payload, .flag, .number]

    /// Key and value of a longer pair are left to the general path.
    private static let pairBytesMax = 512

    private(set) var key: Bytes?
    private(set) var payload: Bytes?
    /// The algorithm, or the length of a data key.
    private(set) var number: UInt64 = 0
    /// Whether a message is a digest.
    private(set) var flag = false
    private var pair: (key: Bytes, value: Bytes)?

    /// Nil for anything but the usual.
    init?(_ bytes: Bytes, _ shape: Shape) {
        var reader = WireReader(bytes)
        while let field = reader.next() {
            let role = field.number <= shape.count ? shape[field.number - 1] : .unusual
            switch (role, field.value) {
            case (.key, .bytes(let bytes)): key = bytes
            case (.payload, .bytes(let bytes)): payload = bytes
            case (.number, .varint(let value)): number = value
            case (.flag, .varint(let value)): flag = value != 0
            case (.context, .bytes(let entry)):
                guard pair == nil, let found = Self.pair(entry) else { return nil }
                pair = found
            default: return nil
            }
        }
        guard !reader.isMalformed else { return nil }
    }

    private static func pair(_ entry: Bytes) -> (key: Bytes, value: Bytes)? {
        var key: Bytes?
        var value = Bytes(start: nil, count: 0)
        var reader = WireReader(entry)
        while let field = reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let bytes)): key = bytes
            case (2, .bytes(let bytes)): value = bytes
            default: return nil
            }
        }
        guard !reader.isMalformed, let key, !key.isEmpty, key.count + value.count <= pairBytesMax
        else { return nil }
        return (key, value)
    }

    /// Bytes of the context as `EncryptionContext.canonicalBytes` has them.
    var contextCount: Int { pair.map { 12 + $0.key.count + $0.value.count } ?? 4 }

    /// Writes the context as `EncryptionContext.canonicalBytes` has it.
    func writeContext(_ writer: inout RawWriter) {
        writer.bigEndian(pair == nil ? 0 : 1)
        guard let pair else { return }
        writer.bigEndian(UInt32(pair.key.count))
        writer.bytes(pair.key)
        writer.bigEndian(UInt32(pair.value.count))
        writer.bytes(pair.value)
    }

    /// The pair as the general path has it.
    var pairs: [String: String] {
        pair.map { [String(wire: $0.key): String(wire: $0.value)] } ?? [:]
    }
}

/// Writes into memory of a known size, from front to back.
struct RawWriter {
    let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + bytes.count])
            .copyMemory(from: bytes)
        count += bytes.count
    }

    mutating func bytes(_ bytes: [UInt8]) { bytes.withUnsafeBytes { self.bytes($0) } }

    mutating func bigEndian(_ value: UInt32) {
        withUnsafeBytes(of: value.bigEndian) { bytes($0) }
    }

    /// Tag and length of a length-delimited field with up to 16 KiB.
    mutating func head(_ field: UInt8, _ length: Int) {
        memory[count] = field << 3 | 2
        if length < 0x80 {
            memory[count + 1] = UInt8(length)
            count += 2
        } else {
            memory[count + 1] = UInt8(length & 0x7f | 0x80)
            memory[count + 2] = UInt8(length >> 7)
            count += 3
        }
    }

    /// The next bytes, to be filled in by the caller.
    mutating func take(_ length: Int) -> UnsafeMutableRawBufferPointer {
        defer { count += length }
        return UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + length])
    }

    /// What has been written.
    var written: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[..<count])
    }
}
