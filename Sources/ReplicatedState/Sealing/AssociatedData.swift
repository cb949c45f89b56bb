/// What a sealed record is bound to: a value that is moved to another key, version, domain or
/// instance does not open there. Layout: state.proto, `SealedRecord`.
struct AssociatedData {
    private(set) var bytes: [UInt8] = []

    init(instanceARN: String, domain: String, key: String, version: UInt64) {
        bytes.reserveCapacity(instanceARN.utf8.count + domain.utf8.count + key.utf8.count + 20)
        for var text in [instanceARN, domain, key] {
            text.withUTF8 { Self.append(UnsafeRawBufferPointer($0), to: &bytes) }
        }
        Self.append(version, to: &bytes)
    }

    /// A text: its length as 4 bytes big-endian, then its bytes.
    static func append(_ text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        append(UInt32(clamping: text.count), to: &bytes)
        bytes.append(contentsOf: text)
    }

    static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
