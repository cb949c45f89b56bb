import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import RPC
import SCIM
import ServiceKit

/// `/scim/v2`: Users and Groups for the identity provider's client. Served by the primary only.
struct SCIMRoutes: Sendable {
    let instance: InstanceWatch
    let tokens: ScimTokenDesk
    let trail: any TrailRecorder
    let users: SCIMUsers
    let groups: SCIMGroups
    let portalURL: String
    let now: @Sendable () -> Date
    let refusals: RequestBudget

    private typealias Route = @Sendable (SCIMCall) async throws -> Response

    func add(to router: Router<PortalContext>) {
        let base = "scim/v2"
        add(router, .get, "\(base)/Users", "User") { try await users.list($0) }
        add(router, .post, "\(base)/Users", "User") { try await users.create($0) }
        add(router, .get, "\(base)/Users/:id", "User") { try await users.show($0) }
        add(router, .put, "\(base)/Users/:id", "User") { try await users.replace($0) }
        add(router, .patch, "\(base)/Users/:id", "User") { try await users.patch($0) }
        add(router, .delete, "\(base)/Users/:id", "User") { try await users.delete($0) }
        add(router, .get, "\(base)/Groups", "Group") { try await groups.list($0) }
        add(router, .post, "\(base)/Groups", "Group") { try await groups.create($0) }
        add(router, .get, "\(base)/Groups/:id", "Group") { try await groups.show($0) }
        add(router, .put, "\(base)/Groups/:id", "Group") { try await groups.replace($0) }
        add(router, .patch, "\(base)/Groups/:id", "Group") { try await groups.patch($0) }
        add(router, .delete, "\(base)/Groups/:id", "Group") { try await groups.delete($0) }
        add(router, .get, "\(base)/ServiceProviderConfig", "Resource") {
            SCIMAnswer.json(SCIMDiscovery.serviceProviderConfig(baseURL: $0.baseURL))
        }
        add(router, .get, "\(base)/Schemas", "Schema") {
            Self.all(SCIMDiscovery.schemas(baseURL: $0.baseURL))
        }
        add(router, .get, "\(base)/Schemas/:id", "Schema") {
            try Self.one(SCIMDiscovery.schemas(baseURL: $0.baseURL), $0.parameter("id"))
        }
        add(router, .get, "\(base)/ResourceTypes", "ResourceType") {
            Self.all(SCIMDiscovery.resourceTypes(baseURL: $0.baseURL))
        }
        add(router, .get, "\(base)/ResourceTypes/:id", "ResourceType") {
            try Self.one(SCIMDiscovery.resourceTypes(baseURL: $0.baseURL), $0.parameter("id"))
        }
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
            add(router, method, "\(base)/**", "Endpoint") { _ in
                throw SCIMError(status: 404, detail: "This SCIM endpoint is not offered.")
            }
        }
    }

    private func add(
        _ router: Router<PortalContext>, _ method: HTTPRequest.Method, _ path: String,
        _ noun: String, _ route: @escaping Route
    ) {
        router.on(RouterPath(path), method: method) { request, context in
            do {
                return try await route(try await admit(request, context))
            } catch {
                return refusal(error, noun, context)
            }
        }
    }

    /// Throws `SCIMError` unless this is the primary and the bearer token is good.
    private func admit(_ request: Request, _ context: PortalContext) async throws -> SCIMCall {
        let snapshot: InstanceSnapshot
        do {
            snapshot = try instance.required()
        } catch {
            throw SCIMError(status: 503, detail: "This Region is not part of an instance.")
        }
        guard snapshot.isPrimary else {
            let primary = snapshot.instance.primaryRegion
            throw SCIMError(
                status: 403,
                detail: "Identities are written in the primary Region, \(primary). Its SCIM "
                    + "endpoint is \(snapshot.portalURL(of: primary))/scim/v2.")
        }
        guard let token = try bearer(request) else {
            try await recordStranger(request, context, snapshot)
            throw SCIMError(status: 401, detail: "The bearer token is missing, wrong or expired.")
        }
        var actor = TrailActor.edge(request, context, snapshot)
        actor.type = "WebIdentityUser"
        actor.principalID = "scim-token/\(token.tokenID)"
        actor.credentialID = token.tokenID
        actor.eventSource = Self.eventSource
        let query: Form
        do {
            query = try request.queryForm()
        } catch {
            throw SCIMError(status: 400, kind: .invalidValue, detail: "The query is malformed.")
        }
        return SCIMCall(
            request: request, context: context, query: query, baseURL: portalURL + "/scim/v2",
            options: CallOptions(timeout: .seconds(20), metadata: CallActor.metadata(actor)))
    }

    private static let eventSource = "identitystore-scim.amazonaws.com"

    private func bearer(_ request: Request) throws -> PortalScimToken? {
        guard let header = request.headers[.authorization],
            header.lowercased().hasPrefix("bearer ")
        else { return nil }
        return try tokens.recognise(
            header.dropFirst("bearer ".count).trimmingCharacters(in: .whitespaces))
    }

    private func recordStranger(
        _ request: Request, _ context: PortalContext, _ snapshot: InstanceSnapshot
    ) async throws {
        guard refusals.take(now: now()) else { return }
        var event = TrailEvent(
            name: "Authenticate", source: Self.eventSource,
            actor: .edge(request, context, snapshot))
        event.errorCode = "UnauthorizedException"
        try await trail.record([event])
    }

    private func refusal(_ error: any Error, _ noun: String, _ context: PortalContext) -> Response {
        let refusal: SCIMError
        switch error {
        case let error as SCIMError: refusal = error
        case let error as RPCError:
            refusal = SCIMAnswer.error(error, noun: noun)
            if refusal.status >= 500 {
                context.logger.error(
                    "a SCIM call failed",
                    metadata: ["reason": "\(error.reason)", "detail": "\(error.message)"])
            }
        default:
            context.logger.error("a SCIM call failed", metadata: ["error": "\(type(of: error))"])
            refusal = SCIMError(status: 500, detail: "Something went wrong.")
        }
        return SCIMAnswer.refusal(refusal)
    }

    private static func all(_ resources: [SCIMObject]) -> Response {
        SCIMAnswer.json(
            ListResponse(
                resources: resources, totalResults: UInt64(resources.count), startIndex: 1
            ).value)
    }

    private static func one(_ resources: [SCIMObject], _ id: String) throws -> Response {
        guard let found = resources.first(where: { $0["id"]?.string == id }) else {
            throw SCIMError(status: 404, detail: "Not found.")
        }
        return SCIMAnswer.resource(found)
    }
}
