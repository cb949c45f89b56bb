import Contracts
import Hummingbird
import RPC
import SwiftProtobuf

/// Settings > Management and the sign-in URLs.
struct SettingsPages: Sendable {
    let gate: ConsoleGate
    let coordinator: CoordinatorInstanceAdministrationClient
    let keys: KeysKeyManagementClient

    func add(to router: Router<PortalContext>) {
        router.get("console") { _, _ in Response.redirect("/console/settings") }
        router.get("console/settings") { request, context in
            try await gate.page(request, context) { try await settings($0) }
        }
        router.get("console/sign-in-urls") { request, context in
            try await gate.page(request, context) { try signInURLs($0) }
        }
    }

    private func settings(_ visit: ConsoleGate.Visit) async throws -> Response {
        // The page is useful without figures, so a coordinator that is slow only leaves them out.
        let replication = try? await coordinator.getReplicationStatus(
            .init(), options: CallOptions(timeout: .seconds(2)))
        let encryption = try? await coordinator.getInstance(
            .init(), options: CallOptions(timeout: .seconds(2))
        ).instance.encryption
        return try gate.render(
            "settings", "Settings", section: .settings, visit,
            content: SettingsContent(
                visit.instance, replication, await relatedKeys(visit.instance),
                encryption?.resealing))
    }

    /// The instance's key in the other Regions; none when it cannot be asked about.
    private func relatedKeys(
        _ instance: InstanceSnapshot
    ) async -> [KeysGetRelatedKeysResponse.RelatedKey] {
        let encryption = instance.instance.encryption
        guard encryption.multiRegion else { return [] }
        let keyID = encryption.kmsKeyArn.split(separator: "/").last.map(String.init) ?? ""
        let answer = try? await keys.getRelatedKeys(
            .with { $0.keyID = keyID }, options: CallOptions(timeout: .seconds(2)))
        return answer?.relatedKeys ?? []
    }

    private func signInURLs(_ visit: ConsoleGate.Visit) throws -> Response {
        struct Row: Sendable {
            let name, acsURL, bookmarkURL: String
            let isPrimary: Bool
        }
        struct Content: Sendable {
            let entityID, metadataURL: String
            let regions: [Row]
        }
        let here = visit.instance.portalURL(of: visit.instance.region)
        let content = Content(
            entityID: visit.instance.issuer, metadataURL: here + "/saml/metadata",
            regions: visit.instance.servingRegions.map {
                Row(
                    name: $0.name, acsURL: $0.portalURL + "/saml/acs",
                    bookmarkURL: $0.portalURL + "/start", isPrimary: $0.primary)
            })
        return try gate.render(
            "sign-in-urls", "ACS URLs", section: .signInURLs, visit, content: content)
    }
}
