import Contracts
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

/// What policies may ask about a request and its key: for each condition key a request that meets the
/// condition and one that does not.
@Suite("Condition keys of key policies")
struct ConditionKeyTests {
    /// A caller who may do only what the case's statement says.
    struct Guest: Sendable {
        let keyID: String
        let cryptography: KeysCryptographyClient
        let management: KeysKeyManagementClient
    }

    typealias Step = @Sendable (Guest) async throws -> Void

    struct Case: Sendable, CustomTestStringConvertible {
        let condition: String
        var spec = KeysKeySpec.symmetricDefault
        var usage = KeysKeyUsage.encryptDecrypt
        var origin = KeysKeyOrigin.awsKms
        let met: Step
        let unmet: Step
        var testDescription: String { condition }
    }

    @Test("decide", arguments: Self.cases)
    func decide(_ each: Case) async throws {
        let regions = try TestRegions([TestRegions.home])
        let key = try await regions.management().createKey(
            .with {
                $0.keySpec = each.spec
                $0.keyUsage = each.usage
                $0.origin = each.origin
                $0.multiRegion = each.origin == .awsKms
                $0.policy = Self.policy(each.condition)
            }
        ).keyMetadata
        let guest = Guest(
            keyID: key.keyID, cryptography: try regions.cryptography(as: "guest"),
            management: try regions.management(as: "guest"))
        for _ in 0..<2 {
            await expectError("AccessDeniedException") { try await each.unmet(guest) }
            try await each.met(guest)
        }
    }

    private static func policy(_ condition: String) -> String {
        """
        {"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/ada"},
           "Action": "kms:*", "Resource": "*"},
          {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/guest"},
           "Action": "kms:*", "Resource": "*", "Condition": {\(condition)}}]}
        """
    }

    private static func encrypt(
        _ context: [String: String] = [:], _ algorithm: KeysEncryptionAlgorithm = .unspecified
    ) -> Step {
        { guest in
            _ = try await guest.cryptography.encrypt(
                .with {
                    $0.keyID = guest.keyID
                    $0.plaintext = Data("x".utf8)
                    $0.encryptionContext = context
                    $0.encryptionAlgorithm = algorithm
                })
        }
    }

    private static func sign(
        _ algorithm: KeysSigningAlgorithm, isDigest: Bool = true, count: Int
    ) -> Step {
        { guest in
            _ = try await guest.cryptography.sign(
                .with {
                    $0.keyID = guest.keyID
                    $0.message = Data(repeating: 7, count: count)
                    $0.messageIsDigest = isDigest
                    $0.signingAlgorithm = algorithm
                })
        }
    }

    private static func pair(_ spec: KeysKeySpec) -> Step {
        { guest in
            _ = try await guest.cryptography.generateDataKeyPairWithoutPlaintext(
                .with {
                    $0.keyID = guest.keyID
                    $0.keyPairSpec = spec
                })
        }
    }

    private static func grant(_ fill: @escaping @Sendable (inout KeysCreateGrantRequest) -> Void)
        -> Step
    {
        { guest in
            _ = try await guest.management.createGrant(
                .with {
                    $0.keyID = guest.keyID
                    $0.granteePrincipal = "arn:aws:iam::\(account):user/gina"
                    $0.operations = ["Decrypt"]
                    fill(&$0)
                })
        }
    }

    private static func tag(_ key: String, _ value: String) -> Step {
        { guest in
            _ = try await guest.management.tagResource(
                .with {
                    $0.keyID = guest.keyID
                    $0.tags = [
                        .with {
                            $0.key = key
                            $0.value = value
                        }
                    ]
                })
        }
    }

    private static func rotation(_ days: UInt32) -> Step {
        { guest in
            _ = try await guest.management.enableKeyRotation(
                .with {
                    $0.keyID = guest.keyID
                    $0.rotationPeriodDays = days
                })
        }
    }

    private static func importParameters(
        _ algorithm: KeysWrappingAlgorithm, _ spec: KeysKeySpec
    ) -> Step {
        { guest in
            _ = try await guest.management.getParametersForImport(
                .with {
                    $0.keyID = guest.keyID
                    $0.wrappingAlgorithm = algorithm
                    $0.wrappingKeySpec = spec
                })
        }
    }

    private static func putPolicy(bypass: Bool) -> Step {
        { guest in
            // The same policy again, so that it can be asked twice.
            let policy = try await guest.management.getKeyPolicy(.with { $0.keyID = guest.keyID })
            _ = try await guest.management.putKeyPolicy(
                .with {
                    $0.keyID = guest.keyID
                    $0.policy = policy.policy
                    $0.bypassPolicyLockoutSafetyCheck = bypass
                })
        }
    }

    private static func mac(_ message: String) -> Step {
        { guest in
            _ = try await guest.cryptography.generateMac(
                .with {
                    $0.keyID = guest.keyID
                    $0.message = Data(message.utf8)
                    $0.macAlgorithm = .hmacSha256
                })
        }
    }

    private static let describe: Step = { guest in
        _ = try await guest.management.describeKey(.with { $0.keyID = guest.keyID })
    }

    private static let cases: [Case] = [
        Case(
            condition: #""StringEquals": {"kms:EncryptionContext:team": "blue"}"#,
            met: encrypt(["team": "blue"]), unmet: encrypt(["team": "red"])),
        Case(
            condition: #""ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["team"]}"#,
            met: encrypt(["team": "red"]), unmet: encrypt(["team": "red", "other": "x"])),
        Case(
            condition: #""StringEquals": {"kms:EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}"#,
            spec: .rsa2048, met: encrypt([:], .rsaesOaepSha256),
            unmet: encrypt([:], .rsaesOaepSha1)),
        Case(
            condition: #""StringEquals": {"kms:SigningAlgorithm": "RSASSA_PSS_SHA_256"}"#,
            spec: .rsa2048, usage: .signVerify, met: sign(.rsassaPssSha256, count: 32),
            unmet: sign(.rsassaPkcs1V15Sha256, count: 32)),
        Case(
            condition: #""StringEquals": {"kms:MessageType": "DIGEST"}"#, spec: .eccNistP256,
            usage: .signVerify, met: sign(.ecdsaSha256, count: 32),
            unmet: sign(.ecdsaSha256, isDigest: false, count: 32)),
        Case(
            condition: #""StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}"#, spec: .hmac256,
            usage: .generateVerifyMac, met: mac("x"), unmet: describe),
        Case(
            condition: #""StringEquals": {"kms:DataKeyPairSpec": "ECC_NIST_P256"}"#,
            met: pair(.eccNistP256), unmet: pair(.eccNistP384)),
        Case(
            condition: #""StringEquals": {"kms:GranteePrincipal": "sso.amazonaws.com"}"#,
            met: grant { $0.granteePrincipal = "sso.amazonaws.com" }, unmet: grant { _ in }),
        Case(
            condition: #""ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}"#,
            met: grant { _ in }, unmet: grant { $0.operations = ["Decrypt", "Encrypt"] }),
        Case(
            condition:
                #""StringEquals": {"kms:RetiringPrincipal": "arn:aws:iam::\#(account):user/rob"}"#,
            met: grant { $0.retiringPrincipal = "arn:aws:iam::\(account):user/rob" },
            unmet: grant { _ in }),
        Case(
            condition: #""StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}"#,
            met: grant { $0.constraints.encryptionContextSubset = ["team": "blue"] },
            unmet: grant { $0.constraints.encryptionContextEquals = ["team": "blue"] }),
        Case(
            condition:
                #""StringEquals": {"kms:EncryptionContext:team": "blue"}, "StringLike": {"kms:GrantConstraintType": "*"}"#,
            met: grant { $0.constraints.encryptionContextEquals = ["team": "blue"] },
            unmet: grant { $0.constraints.encryptionContextEquals = ["team": "red"] }),
        Case(
            condition: #""Bool": {"kms:GrantIsForAWSResource": "false"}"#, met: grant { _ in },
            unmet: describe),
        Case(
            condition: #""NumericLessThan": {"kms:RotationPeriodInDays": "200"}"#,
            met: rotation(100), unmet: rotation(300)),
        Case(
            condition: #""StringEquals": {"aws:RequestTag/team": "blue"}"#,
            met: tag("team", "blue"),
            unmet: tag("team", "red")),
        Case(
            condition:
                #""ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}, "Null": {"aws:TagKeys": "false"}"#,
            met: tag("team", "x"), unmet: tag("other", "x")),
        Case(
            condition: #""StringEquals": {"kms:WrappingAlgorithm": "RSAES_OAEP_SHA_256"}"#,
            origin: .external, met: importParameters(.rsaesOaepSha256, .rsa2048),
            unmet: importParameters(.rsaesOaepSha1, .rsa2048)),
        Case(
            condition: #""StringEquals": {"kms:WrappingKeySpec": "RSA_2048"}"#,
            origin: .external, met: importParameters(.rsaesOaepSha256, .rsa2048),
            unmet: importParameters(.rsaesOaepSha256, .rsa3072)),
        Case(
            condition: #""BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"}"#,
            met: putPolicy(bypass: false), unmet: putPolicy(bypass: true)),
    ]
}
