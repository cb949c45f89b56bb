import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var macOperations: [JSONOperation] {
        [
            JSONOperation("GenerateMac", .use, generateMac),
            JSONOperation("VerifyMac", .use, verifyMac),
        ]
    }

    struct MacInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let message: Data
        let mac: Data?
        let macAlgorithm: String
        let grantTokens: [String]?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            ["keyId": keyId, "macAlgorithm": macAlgorithm]
        }
    }

    struct GenerateMacOutput: Encodable, Sendable, ResourceNaming {
        let mac: Data
        let macAlgorithm: String
        let keyId: String

        var resourceARN: String { keyId }
    }

    private func generateMac(_ input: MacInput, _ call: AWSCall) async throws -> GenerateMacOutput {
        let algorithm = try KMSNames.macAlgorithm.value(input.macAlgorithm)
        let answer = try await keys.cryptography.generateMac(
            .with {
                $0.keyID = input.keyId
                $0.message = input.message
                $0.macAlgorithm = algorithm
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return GenerateMacOutput(
            mac: answer.mac, macAlgorithm: input.macAlgorithm, keyId: answer.keyID)
    }

    struct VerifyMacOutput: Encodable, Sendable, ResourceNaming {
        let keyId: String
        let macValid: Bool
        let macAlgorithm: String

        var resourceARN: String { keyId }
    }

    private func verifyMac(_ input: MacInput, _ call: AWSCall) async throws -> VerifyMacOutput {
        guard let mac = input.mac else { throw AWSError.missing("mac") }
        let algorithm = try KMSNames.macAlgorithm.value(input.macAlgorithm)
        let answer = try await keys.cryptography.verifyMac(
            .with {
                $0.keyID = input.keyId
                $0.message = input.message
                $0.mac = mac
                $0.macAlgorithm = algorithm
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return VerifyMacOutput(
            keyId: answer.keyID, macValid: answer.macValid, macAlgorithm: input.macAlgorithm)
    }
}
