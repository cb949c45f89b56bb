import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import SwiftProtobuf
import Testing

@testable import PortalService

@Suite("KMS on AWS' wire")
struct KMSAPITests {
    @Test(
        "requests that are not let in are refused in KMS' form",
        arguments: [
            ("secret", "InvalidSignatureException"), ("body", "InvalidSignatureException"),
            ("target", "InvalidSignatureException"), ("service", "InvalidSignatureException"),
            ("region", "InvalidSignatureException"), ("late", "InvalidSignatureException"),
            ("key", "UnrecognizedClientException"), ("token", "UnrecognizedClientException"),
            ("end", "ExpiredTokenException"), ("session", "ExpiredTokenException"),
            ("user", "ExpiredTokenException"), ("none", "MissingAuthenticationTokenException"),
            ("operation", "UnknownOperationException"), ("api", "UnknownOperationException"),
            ("type", "SerializationException"),
        ])
    func refused(how: String, exception: String) async throws {
        let portal = try TestPortal()
        var keys = try await portal.roleCredentials()
        var (target, body, service, region) = (
            "TrentService.DescribeKey", "{}", "kms", "eu-central-1"
        )
        var time = portal.now
        switch how {
        case "secret": keys = keys.with(secret: String(keys.secretAccessKey.reversed()))
        case "key": keys = keys.with(id: "ASIAAAAAAAAAAAAAAAAA")
        case "token": keys = keys.with(token: keys.sessionToken + "x")
        case "service": service = "s3"
        case "region": region = "eu-west-1"
        case "late": time = time.addingTimeInterval(-301)
        case "end":
            portal.now.addTimeInterval(3_600)
            time = portal.now
        case "session":
            _ = try await portal.features.sessionDesk.endAll(of: TestPortal.userID, events: [])
        case "operation": target = "TrentService.MakeCoffee"
        case "api": target = "Elsewhere.DescribeKey"
        default: break
        }
        let type = how == "type" ? "application/json" : "application/x-amz-json-1.1"
        var headers = RequestSigner(keys, at: time).headers(
            body: body, service: service, region: region,
            [.amazonTarget: target, .contentType: type])
        if how == "body" { body = #"{"KeyId": "a"}"# }
        if how == "target" { headers[.amazonTarget] = "TrentService.DisableKey" }
        if how == "none" { headers[.authorization] = nil }
        if how == "user" { portal.unassigned.value = true }
        let answer = try await portal.send(headers, body)
        #expect(answer.type == exception)
        #expect(answer.status == .badRequest)
        #expect(answer.headers[.amazonRequestID]?.isEmpty == false)
        #expect(portal.keys.callers.value.isEmpty)
    }

    @Test("a body over the limit is refused before it is read")
    func tooLarge() async throws {
        let portal = try TestPortal()
        let body = String(repeating: " ", count: KMSAPI.bodyBytesMax + 1)
        let answer = try await call(portal, "DescribeKey", body)
        #expect(answer.status == .contentTooLarge)
        #expect(answer.type == "RequestEntityTooLargeException")
    }

    @Test(
        "what the keys service says becomes KMS' exceptions; what failed inside is not told",
        arguments: [
            ("missing", "NotFoundException", 400), ("denied", "AccessDeniedException", 400),
            ("broken", "KMSInternalException", 500), ("away", "DependencyTimeoutException", 503),
        ])
    func failures(key: String, exception: String, status: Int) async throws {
        let portal = try TestPortal()
        let answer = try await call(portal, "DescribeKey", #"{"KeyId": "\#(key)"}"#)
        #expect(answer.type == exception)
        #expect(answer.status.code == status)
        #expect(answer.text.contains("secret detail") == false)
    }

    @Test(
        "values out of range and unknown names are refused here",
        arguments: [
            ("ListKeys", #"{"Limit": 0}"#), ("ListKeys", #"{"Limit": 1001}"#),
            ("Encrypt", #"{"KeyId": "k", "Plaintext": "AA==", "EncryptionAlgorithm": "ROT13"}"#),
            ("CreateKey", #"{"KeySpec": "RSA_2048"}"#), ("GenerateDataKey", #"{"KeyId": "k"}"#),
            ("GenerateDataKey", #"{"KeyId": "k", "KeySpec": "AES_256", "NumberOfBytes": 32}"#),
            ("ScheduleKeyDeletion", #"{"KeyId": "k", "PendingWindowInDays": 6}"#),
            ("DescribeKey", "{}"),
        ])
    func validation(operation: String, body: String) async throws {
        let portal = try TestPortal()
        let answer = try await call(portal, operation, body)
        #expect(answer.type == "ValidationException")
        #expect(portal.keys.callers.value.isEmpty)
    }

    @Test("the keys service is told who calls, from where and with which policies")
    func delegation() async throws {
        let portal = try TestPortal()
        let answer = try await call(portal, "DescribeKey", #"{"KeyId": "alias/a"}"#)
        #expect(answer.status == .ok)
        let role = "AWSReservedSSO_ReadOnly_0123456789abcdef"
        let caller = try #require(portal.keys.callers.value.first ?? nil)
        #expect(
            caller.principalArn
                == "arn:aws:sts::\(TestPortal.accountID):assumed-role/\(role)/alix@example.com")
        #expect(
            caller.roleArn.hasSuffix(":role/aws-reserved/sso.amazonaws.com/eu-central-1/\(role)"))
        #expect(caller.userID.hasSuffix(":alix@example.com"))
        // The managed policy that is known; the other allows nothing.
        #expect(caller.identityPolicies.count == 1)
        #expect(caller.identityPolicies.first?.contains("kms:Describe*") == true)
    }

    @Test("key metadata has KMS' members, times in seconds and no nulls")
    func metadata() async throws {
        let portal = try TestPortal()
        let answer = try await call(portal, "DescribeKey", #"{"KeyId": "alias/a"}"#)
        let metadata = try #require(answer.object["KeyMetadata"] as? [String: Any])
        #expect(metadata["AWSAccountId"] as? String == "111122223333")
        #expect(metadata["CreationDate"] as? Double == 1_790_000_000.5)
        #expect(metadata["KeyState"] as? String == "Enabled")
        #expect(metadata["Enabled"] as? Bool == true)
        #expect(metadata["KeyManager"] as? String == "CUSTOMER")
        #expect(metadata["DeletionDate"] == nil)
        #expect(metadata["SigningAlgorithms"] == nil)
        let regions = try #require(metadata["MultiRegionConfiguration"] as? [String: Any])
        #expect(regions["MultiRegionKeyType"] as? String == "PRIMARY")
        #expect((regions["ReplicaKeys"] as? [Any])?.isEmpty == true)
    }

    @Test("bytes are base64 both ways, and an operation without output answers nothing")
    func bytes() async throws {
        let portal = try TestPortal()
        let answer = try await call(
            portal, "Encrypt", #"{"KeyId": "k", "Plaintext": "AAEC"}"#)
        #expect(answer.object["CiphertextBlob"] as? String == "AgEA")
        #expect(answer.object["EncryptionAlgorithm"] as? String == "SYMMETRIC_DEFAULT")
        #expect(try await call(portal, "DisableKey", #"{"KeyId": "k"}"#).text.isEmpty)
    }

    @Test("lists go on by Marker")
    func paging() async throws {
        let portal = try TestPortal()
        let first = try await call(portal, "ListKeys", #"{"Limit": 1}"#).object
        #expect(first["Truncated"] as? Bool == true)
        let marker = try #require(first["NextMarker"] as? String)
        let last = try await call(portal, "ListKeys", #"{"Marker": "\#(marker)"}"#).object
        #expect(last["Truncated"] as? Bool == false)
        #expect(last["NextMarker"] == nil)
    }

    @Test("uses of keys are recorded where the Region asks for it, without the plaintext")
    func recorded() async throws {
        let body = #"{"KeyId": "k", "Plaintext": "c2VjcmV0", "EncryptionContext": {"a": "b"}}"#
        let quiet = try TestPortal()
        _ = try await call(quiet, "Encrypt", body)
        #expect(quiet.trail.names == ["GetRoleCredentials"])

        let portal = try TestPortal(recordsKeyUse: true)
        _ = try await call(portal, "Encrypt", body)
        let event = try #require(portal.trail.events.last)
        #expect(event.eventName == "Encrypt")
        #expect(event.actor.type == "AssumedRole")
        #expect(event.actor.onBehalfOfUserID == TestPortal.userID)
        #expect(event.requestParametersJson == #"{"encryptionContext":{"a":"b"},"keyId":"k"}"#)
        #expect(event.resources.first?.arn == FakeKeys.arn)

        let signer = RequestSigner(try await portal.roleCredentials(), at: portal.now)
        portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
        let answer = try await call(portal, "ListKeys", "{}", signer)
        #expect(answer.status == .serviceUnavailable)
    }

    @Test("refusals are recorded: of the caller by name, of a stranger as unknown")
    func refusalsRecorded() async throws {
        let portal = try TestPortal()
        _ = try await call(portal, "DescribeKey", #"{"KeyId": "denied"}"#)
        #expect(portal.trail.events.last?.errorCode == "AccessDeniedException")
        #expect(portal.trail.events.last?.actor.userName == "alix@example.com")
        _ = try await portal.send(
            [.amazonTarget: "TrentService.Decrypt", .contentType: "application/x-amz-json-1.1"],
            "{}")
        #expect(
            portal.trail.events.last?.errorCode == "MissingAuthenticationTokenException")
        #expect(portal.trail.events.last?.actor.type == "Unknown")
    }

    @Test("an operator's credentials carry the roles of this Region's configuration")
    func administrator() async throws {
        let portal = try TestPortal()
        for (name, isKnown) in [("ada", true), ("nobody", false)] {
            let signer = try await portal.operatorSigner(name)
            let answer = try await call(portal, "ListKeys", "{}", signer)
            #expect(answer.status == (isKnown ? .ok : .badRequest))
            #expect(answer.type == (isKnown ? nil : "ExpiredTokenException"))
        }
        let caller = try #require(portal.keys.callers.value.last ?? nil)
        #expect(caller.principalArn == "arn:aws:iam::111122223333:user/ada")
        #expect(caller.identityPolicies.first?.contains("kms:List*") == true)
    }

    private func call(
        _ portal: TestPortal, _ operation: String, _ body: String, _ signer: RequestSigner? = nil
    ) async throws -> AWSAnswer {
        try await portal.call("TrentService.\(operation)", for: "kms", body, signer)
    }
}

extension RoleCredentials {
    fileprivate func with(
        id: String? = nil, secret: String? = nil, token: String? = nil
    ) -> RoleCredentials {
        RoleCredentials(
            seconds: 3_600, accessKeyID: id ?? accessKeyID,
            secretAccessKey: secret ?? secretAccessKey,
            sessionToken: token ?? sessionToken, expires: expires, role: role)
    }
}
