import Foundation
import XMLSignature

/// A response as the browser posted it. Nothing in it is to be believed.
package struct UnverifiedResponse {
    /// Of the decoded document. The assertion in it may have 50,000.
    package static let bytesMax = 100_000
    package static let assertionBytesMax = 50_000
    private static let base64BytesMax = 140_000

    let document: XMLDocument

    /// Decodes the form field `SAMLResponse`: base64, line breaks allowed.
    ///
    /// - Throws: `Rejection`.
    package init(base64: String) throws(Rejection) {
        guard base64.utf8.count <= Self.base64BytesMax else { throw Self.tooLarge }
        let compact = base64.utf8.filter { byte in
            byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09
        }
        guard !compact.isEmpty, let decoded = Data(base64Encoded: Data(compact)) else {
            throw Rejection(.notBase64, "The form field SAMLResponse is not base64.")
        }
        try self.init(xml: Array(decoded))
    }

    /// - Throws: `Rejection`.
    package init(xml: [UInt8]) throws(Rejection) {
        do {
            document = try XMLDocument(parsing: xml, bytesMax: Self.bytesMax)
        } catch {
            throw Self.rejection(error)
        }
    }

    /// The request this claims to answer, only for finding what is pending. Believe nothing by it:
    /// the validator compares it again.
    package var claimedInResponseTo: String? {
        document.root.attribute("InResponseTo")
    }

    private static let tooLarge = Rejection(
        .tooLarge, "The response is larger than 100,000 bytes. Send fewer attributes.")

    private static func rejection(_ error: XMLParseError) -> Rejection {
        switch error {
        case .tooLarge:
            tooLarge
        case .documentType:
            Rejection(.documentType, "The response has a document type declaration. SAML has none.")
        case .duplicateID:
            Rejection(
                .duplicateID, "Two elements have the same ID. The response may have been altered.")
        default:
            Rejection(.notXML, "The response is not acceptable XML (\(error.rawValue)).")
        }
    }
}
