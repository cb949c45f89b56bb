package import XMLSignature

/// Where identity providers send responses for one Region.
package struct AssertionConsumerService: Sendable, Equatable {
    package var region: String
    /// Compared byte by byte with `Destination` and `Recipient`.
    package var url: String
    /// Position in the metadata; stays with the Region for good.
    package var index: UInt16

    package init(region: String, url: String, index: UInt16) {
        self.region = region
        self.url = url
        self.index = index
    }
}

/// The document that tells an identity provider about all Regions: one entity ID, one assertion
/// consumer service for each Region.
package struct ServiceProviderMetadata: Sendable, Equatable {
    package var entityID: String
    package var services: [AssertionConsumerService]
    /// The Region whose service is the default, which is the primary.
    package var defaultRegion: String

    package init(entityID: String, services: [AssertionConsumerService], defaultRegion: String) {
        self.entityID = entityID
        self.services = services
        self.defaultRegion = defaultRegion
    }

    /// The document, in order of index with the default first: some identity providers read only
    /// the first service.
    ///
    /// - Throws: `XMLParseError.outOfMemory`.
    package func xml() throws(XMLParseError) -> [UInt8] {
        let metadata = SAMLNames.metadataNamespace
        let document = try XMLDocument(root: "EntityDescriptor", prefix: "md", namespace: metadata)
        try document.root.setAttribute("entityID", entityID)
        let descriptor = try document.root.addChild(
            "SPSSODescriptor", prefix: "md", namespace: metadata)
        try descriptor.setAttribute("AuthnRequestsSigned", "false")
        try descriptor.setAttribute("WantAssertionsSigned", "true")
        try descriptor.setAttribute("protocolSupportEnumeration", SAMLNames.protocolNamespace)
        try descriptor.addChild("NameIDFormat", prefix: "md", namespace: metadata)
            .addText(NameIDFormat.emailAddress.rawValue)
        for service in ordered {
            let element = try descriptor.addChild(
                "AssertionConsumerService", prefix: "md", namespace: metadata)
            try element.setAttribute("Binding", SAMLNames.postBinding)
            try element.setAttribute("Location", service.url)
            try element.setAttribute("index", String(service.index))
            try element.setAttribute(
                "isDefault", service.region == defaultRegion ? "true" : "false")
        }
        return document.serialized()
    }

    private var ordered: [AssertionConsumerService] {
        services.sorted { left, right in
            let leftDefault = left.region == defaultRegion
            let rightDefault = right.region == defaultRegion
            return leftDefault == rightDefault ? left.index < right.index : leftDefault
        }
    }
}
