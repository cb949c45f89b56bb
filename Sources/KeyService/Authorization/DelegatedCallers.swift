import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Synchronization

/// Callers that the portal named, by the text in which it did: their identity policies are compiled
/// once, not for every request.
final class DelegatedCallers: Sendable {
    static let countMax = 1000
    private static let policyCountMax = 16

    private let known = Mutex<[String: Caller]>([:])

    /// The caller behind a delegation.
    ///
    /// - Parameter make: builds a caller that is not known yet.
    /// - Throws: ValidationException when the text is not a delegation.
    func caller(
        _ text: String, make: (KeysDelegatedPrincipal, [PolicyDocument]) -> Caller
    ) throws -> Caller {
        if let caller = known.withLock({ $0[text] }) { return caller }
        let principal = try Self.principal(text)
        let caller = make(principal, try Self.policies(principal))
        known.withLock { known in
            if known.count >= Self.countMax { known.removeAll() }
            known[text] = caller
        }
        return caller
    }

    static func principal(_ text: String) throws -> KeysDelegatedPrincipal {
        guard let bytes = Data(base64Encoded: text),
            let principal = try? KeysDelegatedPrincipal(serializedBytes: bytes)
        else { throw unreadable }
        return try checked(principal)
    }

    /// - Throws: ValidationException when it is no principal.
    static func checked(_ principal: KeysDelegatedPrincipal) throws -> KeysDelegatedPrincipal {
        guard isPrincipal(principal.principalArn),
            principal.roleArn.isEmpty || isPrincipal(principal.roleArn),
            principal.identityPolicies.count <= policyCountMax
        else { throw unreadable }
        return principal
    }

    /// The compiled identity policies of a principal.
    static func policies(_ principal: KeysDelegatedPrincipal) throws -> [PolicyDocument] {
        do {
            return try principal.identityPolicies.map {
                try PolicyDocument(json: $0, kind: .identity)
            }
        } catch let error as PolicyError {
            throw RPCError.malformedPolicy("An identity policy is malformed. \(error)")
        }
    }

    private static var unreadable: RPCError {
        .validation("Whom the call is made for cannot be read.")
    }

    /// ARN of a user, role or session with the ID of its account.
    private static func isPrincipal(_ arn: String) -> Bool {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[0] == "arn" && (parts[2] == "iam" || parts[2] == "sts")
            && parts[4].utf8.count == 12
            && parts[4].utf8.allSatisfy { (0x30...0x39).contains($0) } && !parts[5].isEmpty
    }
}
