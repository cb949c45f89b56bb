import Contracts
import Cryptography
import Foundation
import RPC

/// Client tokens of CreateApplication: who does not know whether a request has arrived repeats it with
/// the same token, and gets the application that the first one made.
///
/// A token is remembered with its application, in the Region that it belongs to, and goes with it.
enum ApplicationToken {
    /// What is remembered; nil without a token.
    ///
    /// Throws: INVALID_ARGUMENT CLIENT_TOKEN_INVALID.
    static func creation(
        _ token: String, of asked: PermissionApplication
    ) throws -> PermissionApplicationCreation? {
        if token.isEmpty { return nil }
        guard token.utf8.count <= 64, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw RPCError.invalid(
                "CLIENT_TOKEN_INVALID", "client_token has at most 64 printable ASCII characters.")
        }
        var creation = PermissionApplicationCreation()
        creation.clientToken = token
        creation.requestHash = Data(try SHA256.hash(asked.recordBytes()))
        return creation
    }

    /// What nobody else may decide on in the same batch.
    static func claims(_ creation: PermissionApplicationCreation?) -> [String] {
        creation.map { ["application-token/\($0.clientToken)"] } ?? []
    }
}

extension PermissionHandler {
    /// The application that the same request has made here before; nil when there is none.
    ///
    /// Throws: ALREADY_EXISTS CLIENT_TOKEN_REUSED when the token made another application.
    func application(
        madeBy creation: PermissionApplicationCreation?, in state: PermissionState
    ) throws -> PermissionApplication? {
        guard let creation,
            let arn = state.application(madeWith: creation.clientToken, in: region),
            let application = state.applications[arn]
        else { return nil }
        guard state.creation(ofApplication: arn)?.requestHash == creation.requestHash else {
            throw RPCError.taken(
                "CLIENT_TOKEN_REUSED", "The client token belongs to another request.")
        }
        return application
    }
}
