/// A page of resources (RFC 7644 section 3.4.2).
package struct ListResponse: Sendable {
    package let resources: [SCIMObject]
    package let totalResults: UInt64
    /// From 1.
    package let startIndex: UInt64

    package init(resources: [SCIMObject], totalResults: UInt64, startIndex: UInt64) {
        self.resources = resources
        self.totalResults = totalResults
        self.startIndex = startIndex
    }

    package var value: SCIMValue {
        .object(
            SCIMObject([
                ("schemas", .array([.string(SCIMSchema.listResponse)])),
                ("totalResults", .integer(Int64(clamping: totalResults))),
                ("startIndex", .integer(Int64(clamping: startIndex))),
                ("itemsPerPage", .integer(Int64(resources.count))),
                ("Resources", .array(resources.map { .object($0) })),
            ]))
    }
}
