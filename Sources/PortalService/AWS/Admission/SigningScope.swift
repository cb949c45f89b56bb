import Crypto
import Foundation

/// What a signature is good for: one day, one Region, one service.
struct SigningScope: Sendable, Equatable {
    /// yyyymmdd.
    let day: String
    let region: String
    /// The signing name, such as "kms".
    let service: String

    var text: String { "\(day)/\(region)/\(service)/aws4_request" }

    /// The signature of a canonical request. `date` is X-Amz-Date.
    func signature(
        of request: CanonicalRequest, date: String, secretAccessKey: String
    ) -> [UInt8] {
        let toSign = ["AWS4-HMAC-SHA256", date, text, hexHash(request.text)].joined(separator: "\n")
        var key = SymmetricKey(data: Data("AWS4\(secretAccessKey)".utf8))
        for part in [day, region, service, "aws4_request"] {
            key = SymmetricKey(
                data: HMAC<Crypto.SHA256>.authenticationCode(for: Data(part.utf8), using: key))
        }
        return Array(HMAC<Crypto.SHA256>.authenticationCode(for: Data(toSign.utf8), using: key))
    }
}
