import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import RPC
import ServiceKit

/// Somebody with a live session, as of this request.
struct SignedInPerson: Sendable {
    let claims: SessionClaims
    let token: String
    let user: DirectoryUser
    let instance: InstanceSnapshot
    /// Set when the session was opened in an emergency, with a security key.
    var emergency: Emergency?

    /// What such a session may do, and for how much longer.
    struct Emergency: Sendable {
        let roles: [PortalBreakGlassRole]
        let secondsLeft: Int64
    }

    var displayName: String {
        user.displayName.isEmpty ? user.userName : user.displayName
    }

    /// The person in the trail.
    func actor(_ request: Request, _ context: PortalContext) -> TrailActor {
        var actor = TrailActor.edge(request, context, instance)
        name(in: &actor)
        return actor
    }

    /// Puts the person into what is known of a call.
    func name(in actor: inout TrailActor) {
        actor.type = emergency == nil ? "IdentityCenterUser" : "BreakGlassUser"
        actor.userName = user.userName
        actor.principalID = user.userID
        actor.credentialID = claims.sid
        if emergency == nil {
            actor.onBehalfOfUserID = user.userID
        } else {
            // Nobody of the identity store.
            actor.identityStoreArn = ""
        }
    }

    /// Call options that name the person to the service.
    func options(_ request: Request, _ context: PortalContext) -> CallOptions {
        CallOptions(
            timeout: .seconds(10), metadata: CallActor.metadata(actor(request, context)))
    }
}

extension TrailActor {
    /// What is known of a caller before anybody has signed in.
    static func edge(
        _ request: Request, _ context: PortalContext, _ instance: InstanceSnapshot
    ) -> TrailActor {
        var actor = TrailActor()
        actor.type = "Unknown"
        actor.accountID = instance.instance.ownerAccountID
        actor.identityStoreArn = instance.identityStoreARN
        actor.sourceIpAddress = context.sourceAddress
        actor.userAgent = request.userAgent
        actor.requestID = context.requestID
        return actor
    }
}

extension Request {
    /// At most 256 characters, without control characters.
    var userAgent: String {
        String((headers[.userAgent] ?? "").prefix(256).filter { !$0.isNewline && $0.isASCII })
    }
}
