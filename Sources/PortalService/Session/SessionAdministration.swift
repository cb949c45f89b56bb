import Contracts
import Foundation
import RPC
import ServiceKit

/// The sessions as operators reach them by RPC.
struct SessionAdministration: PortalSessionsHandler {
    let desk: SessionDesk
    let configuration: RegionConfiguration

    func listSessions(
        _ request: PortalListSessionsRequest, context: ServerContext
    ) async throws -> PortalListSessionsResponse {
        guard request.pageSize <= 1000 else {
            throw RPCError(
                .invalidArgument, reason: "PAGE_SIZE", message: "page_size is at most 1000.")
        }
        guard let offset = request.pageToken.isEmpty ? 0 : Int(request.pageToken), offset >= 0
        else {
            throw RPCError(
                .invalidArgument, reason: "PAGE_TOKEN", message: "page_token is not from here.")
        }
        let size = request.pageSize == 0 ? 100 : Int(request.pageSize)
        let page = try desk.list(userID: request.userID, offset: offset, limit: size)
        var answer = PortalListSessionsResponse()
        answer.sessions = page.sessions
        if page.hasMore { answer.nextPageToken = String(offset + size) }
        return answer
    }

    func revokeSession(
        _ request: PortalRevokeSessionRequest, context: ServerContext
    ) async throws -> PortalRevokeSessionResponse {
        guard request.sessionID.isEmpty != request.userID.isEmpty else {
            throw RPCError(
                .invalidArgument, reason: "SESSION_OR_USER",
                message: "Name a session or a user, not both.")
        }
        let actor = context.actor(
            accountID: configuration.accountID, region: configuration.region)
        let event = TrailEvent(
            name: "BatchDeleteSession", source: "sso.amazonaws.com", actor: actor,
            request: request.sessionID.isEmpty
                ? ["userId": request.userID] : ["sessionIdList": [request.sessionID]])
        var answer = PortalRevokeSessionResponse()
        if request.sessionID.isEmpty {
            let result = try await desk.endAll(of: request.userID, events: [event])
            answer.revoked = UInt32(result.count)
            answer.position = result.position
            return answer
        }
        guard let session = try desk.session(request.sessionID) else {
            throw RPCError(
                .notFound, reason: "SESSION_NOT_FOUND",
                message: "This Region knows no session of that ID.")
        }
        answer.position = try await desk.end(
            sessionID: session.sessionID, userID: session.userID,
            expires: Date(microseconds: session.expiresAtUs), cause: "revoked", events: [event])
        answer.revoked = 1
        return answer
    }
}
