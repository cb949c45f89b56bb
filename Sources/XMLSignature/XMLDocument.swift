import CXMLSignature

/// Why bytes are not an acceptable XML document.
package enum XMLParseError: String, Error, Sendable {
    /// More bytes than the caller allows.
    case tooLarge = "XML_TOO_LARGE"
    /// Not well-formed XML in UTF-8.
    case malformed = "XML_MALFORMED"
    /// A document type declaration, hence possibly entities.
    case documentType = "XML_DOCTYPE_REFUSED"
    case processingInstruction = "XML_PROCESSING_INSTRUCTION_REFUSED"
    /// Nested too deep, or too many elements, attributes or namespaces.
    case tooComplex = "XML_TOO_COMPLEX"
    /// Two attributes named `ID` share a value, or `xml:id` is used.
    case duplicateID = "XML_DUPLICATE_ID"
    case outOfMemory = "XML_OUT_OF_MEMORY"

    fileprivate init(_ status: cxml_parse_status) {
        switch status {
        case CXML_PARSE_TOO_LARGE: self = .tooLarge
        case CXML_PARSE_DOCTYPE: self = .documentType
        case CXML_PARSE_PROCESSING_INSTRUCTION: self = .processingInstruction
        case CXML_PARSE_TOO_COMPLEX: self = .tooComplex
        case CXML_PARSE_DUPLICATE_ID: self = .duplicateID
        case CXML_PARSE_OUT_OF_MEMORY: self = .outOfMemory
        default: self = .malformed
        }
    }
}

/// An XML document, owned: the tree is freed with it. Not for use by several tasks at once.
package final class XMLDocument {
    let pointer: OpaquePointer

    /// Parses UTF-8 XML without a document type, entities, processing instructions or network.
    ///
    /// Comments are dropped and the text on both sides of one is joined, so that no comment can cut
    /// a value short. All `ID` attributes differ.
    ///
    /// - Throws: `XMLParseError`.
    package init(parsing bytes: [UInt8], bytesMax: Int) throws(XMLParseError) {
        var parsed: OpaquePointer?
        let status = cxml_parse(bytes, bytes.count, bytesMax, &parsed)
        guard status == CXML_PARSED, let parsed else { throw XMLParseError(status) }
        pointer = parsed
    }

    /// Starts a document with a root element in the namespace bound to the prefix.
    ///
    /// - Throws: `XMLParseError.outOfMemory`.
    package init(root name: String, prefix: String, namespace: String) throws(XMLParseError) {
        guard let created = cxml_document_create(name, prefix, namespace) else {
            throw .outOfMemory
        }
        pointer = created
    }

    deinit {
        cxml_document_free(pointer)
    }

    package var root: XMLElement {
        // A parsed or created document always has a root.
        guard let root = cxml_root(pointer) else { preconditionFailure("document without root") }
        return XMLElement(document: self, pointer: root)
    }

    /// The document in UTF-8, with an XML declaration.
    package func serialized() -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        guard cxml_serialize(pointer, &bytes, &count), let bytes else { return [] }
        defer { cxml_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }
}
