import CXMLSignature

/// An element of a document, which it keeps alive. There is no way up to its parent.
package struct XMLElement {
    let document: XMLDocument
    let pointer: OpaquePointer

    /// The name without prefix.
    package var name: String { String(cString: cxml_name(pointer)) }

    package var namespace: String? { cxml_namespace(pointer).map { String(cString: $0) } }

    /// Child elements in document order.
    package var children: [XMLElement] {
        var found: [XMLElement] = []
        var next = cxml_first_child(pointer)
        while let current = next {
            found.append(XMLElement(document: document, pointer: current))
            next = cxml_next_sibling(current)
        }
        return found
    }

    /// The element's own text; nil when it has child elements.
    package var text: String? {
        guard let text = cxml_text(pointer) else { return nil }
        defer { cxml_free(text) }
        return String(cString: text)
    }

    /// The value of the attribute that has this name and no namespace.
    package func attribute(_ name: String) -> String? {
        guard let value = cxml_attribute(pointer, name) else { return nil }
        defer { cxml_free(value) }
        return String(cString: value)
    }

    /// Bytes of the element when written out.
    package var byteCount: Int { Int(clamping: cxml_byte_count(pointer)) }

    package func isNamed(_ name: String, in namespace: String) -> Bool {
        self.name == name && self.namespace == namespace
    }

    /// Children of this name, in document order.
    package func children(_ name: String, in namespace: String) -> [XMLElement] {
        children.filter { $0.isNamed(name, in: namespace) }
    }

    /// How many elements of this name there are at any depth, itself included.
    package func count(of name: String, in namespace: String) -> Int {
        children.reduce(isNamed(name, in: namespace) ? 1 : 0) { total, child in
            total + child.count(of: name, in: namespace)
        }
    }
}

extension XMLElement {
    /// Appends a child element; binds the prefix where the namespace is not yet in scope.
    package func addChild(
        _ name: String, prefix: String, namespace: String
    ) throws(XMLParseError) -> XMLElement {
        guard let child = cxml_add_child(pointer, name, prefix, namespace) else {
            throw .outOfMemory
        }
        return XMLElement(document: document, pointer: child)
    }

    package func setAttribute(_ name: String, _ value: String) throws(XMLParseError) {
        guard cxml_set_attribute(pointer, name, value) else { throw .outOfMemory }
    }

    package func addText(_ text: String) throws(XMLParseError) {
        guard cxml_add_text(pointer, text) else { throw .outOfMemory }
    }
}
