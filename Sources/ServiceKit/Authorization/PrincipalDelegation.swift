public import Contracts
import Foundation
public import RPC
import SwiftProtobuf

/// Carries the principal behind a request of the AWS APIs from the portal, which has verified its
/// signature, to the keys service, which asks the policies.
///
/// Only the Region's own portal speaks for others; what anyone else says in this metadata is
/// ignored.
public enum PrincipalDelegation {
    /// Metadata name; the value is a KeysDelegatedPrincipal in base64.
    public static let metadataName = "portolan-principal-bin"
    /// Longest value; all metadata of a call has at most 8 KiB.
    public static let byteCountMax = 6 * 1024

    /// Metadata that says on whose behalf the portal calls.
    ///
    /// Throws: INVALID_ARGUMENT ValidationException when the identity policies are too long to send.
    public static func metadata(_ principal: KeysDelegatedPrincipal) throws -> [String: String] {
        let bytes: Data = try principal.serializedBytes()
        let text = bytes.base64EncodedString()
        guard text.utf8.count <= byteCountMax else {
            throw RPCError(
                .invalidArgument, reason: "ValidationException",
                message: "The identity policies of the caller are too long to be asked.")
        }
        return [metadataName: text]
    }
}

extension ServerContext {
    /// What the portal of `region` says about whom it calls for, as it came; nil for everyone else.
    public func delegatedPrincipalText(region: String) -> String? {
        guard !metadata.isEmpty, case .service("portal", region) = peer else { return nil }
        return metadata[PrincipalDelegation.metadataName]
    }
}
