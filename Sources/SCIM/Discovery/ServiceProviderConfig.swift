/// The documents by which a client finds out what is offered (RFC 7644 section 4).
package enum SCIMDiscovery {
    /// `/ServiceProviderConfig` (RFC 7643 section 5).
    package static func serviceProviderConfig(baseURL: String) -> SCIMValue {
        func supported(_ flag: Bool, _ more: [(String, SCIMValue)] = []) -> SCIMValue {
            .object(SCIMObject([("supported", .bool(flag))] + more))
        }
        let scheme = SCIMObject([
            ("type", .string("oauthbearertoken")), ("name", .string("Bearer token")),
            ("description", .string("A token made with portolan scim-token create.")),
            ("primary", .bool(true)),
        ])
        return .object(
            SCIMObject([
                (
                    "schemas",
                    .array([
                        .string("urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig")
                    ])
                ),
                ("patch", supported(true)),
                (
                    "bulk",
                    supported(
                        false,
                        [
                            ("maxOperations", .integer(0)),
                            ("maxPayloadSize", .integer(Int64(SCIMLimits.bodyBytesMax))),
                        ])
                ),
                (
                    "filter",
                    supported(true, [("maxResults", .integer(Int64(SCIMLimits.pageSizeMax)))])
                ),
                ("changePassword", supported(false)), ("sort", supported(false)),
                ("etag", supported(false)), ("authenticationSchemes", .array([.object(scheme)])),
                ("meta", meta("ServiceProviderConfig", "\(baseURL)/ServiceProviderConfig")),
            ]))
    }

    /// `/ResourceTypes`.
    package static func resourceTypes(baseURL: String) -> [SCIMObject] {
        [
            resourceType(
                "User", endpoint: "/Users", schema: SCIMSchema.user,
                extensions: [SCIMSchema.enterprise], baseURL: baseURL),
            resourceType(
                "Group", endpoint: "/Groups", schema: SCIMSchema.group, extensions: [],
                baseURL: baseURL),
        ]
    }

    private static func resourceType(
        _ name: String, endpoint: String, schema: String, extensions: [String], baseURL: String
    ) -> SCIMObject {
        var object = SCIMObject([
            (
                "schemas",
                .array([.string("urn:ietf:params:scim:schemas:core:2.0:ResourceType")])
            ),
            ("id", .string(name)), ("name", .string(name)), ("endpoint", .string(endpoint)),
            ("schema", .string(schema)),
        ])
        object.set(
            "schemaExtensions",
            extensions.map {
                .object(SCIMObject([("schema", .string($0)), ("required", .bool(false))]))
            })
        object["meta"] = meta("ResourceType", "\(baseURL)/ResourceTypes/\(name)")
        return object
    }

    static func meta(_ type: String, _ location: String) -> SCIMValue {
        .object(
            SCIMObject([("resourceType", .string(type)), ("location", .string(location))]))
    }
}
