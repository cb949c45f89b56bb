import Foundation
import NIOHPACK
import SwiftProtobuf

/// How the end of a call looks in HTTP/2.
enum GRPCStatus {
    /// Headers before the first message.
    static let responseHeaders: HPACKHeaders = [
        ":status": "200", "content-type": "application/grpc",
        "grpc-accept-encoding": "identity,gzip",
    ]
    /// The same when messages may be compressed.
    static let gzipResponseHeaders: HPACKHeaders = [
        ":status": "200", "content-type": "application/grpc",
        "grpc-accept-encoding": "identity,gzip", "grpc-encoding": "gzip",
    ]
    /// Trailers of success.
    static let ok: HPACKHeaders = ["grpc-status": "0"]
    /// Domain of the reasons in status details.
    static let domain = "portolan"

    /// Trailers of a failure; with `isOnly` there were no headers before.
    static func trailers(_ error: RPCError, isOnly: Bool) -> HPACKHeaders {
        var headers = isOnly ? responseHeaders : HPACKHeaders()
        headers.add(name: "grpc-status", value: "\(error.code.rawValue)")
        headers.add(
            name: "grpc-message", value: percentEncoded(error.message), indexing: .neverIndexed)
        if let details = details(error) {
            headers.add(name: "grpc-status-details-bin", value: details, indexing: .neverIndexed)
        }
        for (name, value) in error.metadata.sorted(by: { $0.key < $1.key })
        where isTrailer(name, value) {
            headers.add(name: name, value: value, indexing: .neverIndexed)
        }
        return headers
    }

    /// The metadata of an error also travels as trailers, where HTTP can carry it.
    private static func isTrailer(_ name: String, _ value: String) -> Bool {
        CallLimits.isMetadataName(name.utf8) && !name.hasPrefix("grpc-") && name != "content-type"
            && name != "te" && name != "connection" && !name.hasSuffix("-bin")
            && value.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    /// google.rpc.Status with one google.rpc.ErrorInfo, in base64 without padding.
    private static func details(_ error: RPCError) -> String? {
        var info = WireErrorInfo()
        info.reason = error.reason
        info.domain = domain
        info.metadata = error.metadata
        var detail = WireStatusDetail()
        detail.typeURL = "type.googleapis.com/google.rpc.ErrorInfo"
        guard let value = try? info.serializedData() else { return nil }
        detail.value = value
        var status = WireStatus()
        status.code = Int32(error.code.rawValue)
        status.message = error.message
        status.details = [detail]
        guard let bytes = try? status.serializedData() else { return nil }
        let padded = bytes.base64EncodedString()
        return String(padded.prefix { $0 != "=" })
    }

    /// Percent-encodes all but printable ASCII, and the percent sign.
    static func percentEncoded(_ text: String) -> String {
        let isPlain: (UInt8) -> Bool = { (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "%") }
        if text.utf8.allSatisfy(isPlain) { return text }
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 2)
        for byte in text.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
