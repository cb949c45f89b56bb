/// What a sealed record is bound to: a value that is moved to another key, version, domain or
/// instance does not open there. Layout: state.proto, `SealedRecord`.
struct AssociatedData {
    private(set) var bytes: [UInt8] = []

    init(instanceARN: String, domain: String, key: String, version: UInt64) {
        bytes.reserveCapacity(instanceARN.utf8.count + domain.utf8.count + key.utf8.count + 20)
        for text in [instanceARN, domain, key] {
            append(UInt32(clamping: text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        append(version)
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
