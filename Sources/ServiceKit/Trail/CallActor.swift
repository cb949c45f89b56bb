public import Contracts
import Foundation
public import RPC
import SwiftProtobuf

/// Carries the person behind a call from the edge to the service that acts.
///
/// Only the portal speaks for others; what anyone else says in this metadata is ignored.
public enum CallActor {
    /// Metadata name; the value is a TrailActor in base64.
    public static let metadataName = "portolan-actor-bin"

    /// Metadata that says on whose behalf the portal calls.
    public static func metadata(_ actor: TrailActor) -> [String: String] {
        guard let bytes: Data = try? actor.serializedBytes() else { return [:] }
        return [metadataName: bytes.base64EncodedString()]
    }
}

extension ServerContext {
    /// Who is behind this call, for the trail: the person the portal names, else the peer itself.
    ///
    /// `accountID` is the management account, `region` the server's own Region.
    public func actor(accountID: String, region: String) -> TrailActor {
        if case .service("portal", region) = peer, let named = namedActor { return named }
        var actor = TrailActor()
        actor.accountID = accountID
        actor.requestID = requestID
        switch peer {
        case .service(let name, let peerRegion):
            actor.type = "AWSService"
            actor.userName = "\(name).\(peerRegion)"
            actor.principalID = "service/\(name)/\(peerRegion)"
        case .operator(let name):
            actor.type = "IAMUser"
            actor.userName = name
            actor.principalID = "arn:aws:iam::\(accountID):user/\(name)"
        }
        return actor
    }

    private var namedActor: TrailActor? {
        guard let text = metadata[CallActor.metadataName], let bytes = Data(base64Encoded: text),
            var actor = try? TrailActor(serializedBytes: bytes)
        else { return nil }
        if actor.requestID.isEmpty { actor.requestID = requestID }
        return actor
    }
}
