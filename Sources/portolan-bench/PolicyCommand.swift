import AccessPolicy
import ArgumentParser
import Foundation

/// The baseline key policy's evaluation, without anything around it.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Evaluate the baseline key policy.")

    @Option(help: "Evaluations that are timed.") var count = 500_000

    private struct Figures: Encodable {
        let evaluations: Int
        let nanosecondsEach: Double
    }

    func run() async throws {
        let account = "111122223333"
        let policy = try PolicyDocument(
            json: BaselineKeyPolicy.document(
                managementAccount: account, organization: "o-exampleorgid"))
        let instance = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
        let context = PolicyContext(
            lowercased: ["aws:currenttime": ["1795478400"], "aws:epochtime": ["1795478400"]],
            over: [
                [
                    "kms:encryptioncontext:aws:sso:instance-arn": [instance],
                    "kms:encryptioncontextkeys": ["aws:sso:instance-arn"],
                ],
                [
                    "aws:principalisawsservice": ["true"], "aws:sourceaccount": [account],
                    "aws:principalservicename": ["sso.amazonaws.com"],
                ],
            ])
        let request = PolicyRequest(
            principal: .service("sso.amazonaws.com"), action: "kms:Decrypt",
            resource: "arn:aws:kms:eu-central-1:\(account):key/mrk-1234567890abcdef",
            context: context)
        guard policy.evaluate(request).isAllowed else {
            throw ValidationError("The baseline does not allow what services need.")
        }
        var allowed = 0
        let took = ContinuousClock().measure {
            for _ in 0..<count where policy.evaluate(request).isAllowed { allowed += 1 }
        }
        guard allowed == count else { throw ValidationError("An evaluation went another way.") }
        let nanoseconds =
            Double(took.components.seconds) * 1e9 + Double(took.components.attoseconds) / 1e9
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let figures = Figures(evaluations: count, nanosecondsEach: nanoseconds / Double(count))
        print(String(decoding: try encoder.encode(figures), as: UTF8.self))
    }
}
