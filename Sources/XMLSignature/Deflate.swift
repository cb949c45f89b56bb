import CXMLSignature

/// DEFLATE without header or checksum (RFC 1951), as the HTTP-Redirect binding uses it.
package enum Deflate {
    /// Nil when the input is too large or memory is out.
    package static func compress(_ input: [UInt8]) -> [UInt8]? {
        var output: UnsafeMutablePointer<UInt8>?
        var count = 0
        let done = input.withUnsafeBufferPointer { buffer in
            cxml_deflate(
                cxml_bytes(bytes: buffer.baseAddress, count: buffer.count), &output, &count)
        }
        guard done, let output else { return nil }
        defer { cxml_free(output) }
        return Array(UnsafeBufferPointer(start: output, count: count))
    }

    /// Nil when the input is not one whole stream or would grow beyond `bytesMax`.
    package static func decompress(_ input: [UInt8], bytesMax: Int) -> [UInt8]? {
        var output: UnsafeMutablePointer<UInt8>?
        var count = 0
        let done = input.withUnsafeBufferPointer { buffer in
            cxml_inflate(
                cxml_bytes(bytes: buffer.baseAddress, count: buffer.count), bytesMax, &output,
                &count)
        }
        guard done, let output else { return nil }
        defer { cxml_free(output) }
        return Array(UnsafeBufferPointer(start: output, count: count))
    }
}
