import ArgumentParser
import Contracts
import Foundation

/// Short-lived keys for AWS tools, in exchange for the operator's certificate.
struct CredentialsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credentials",
        abstract: "Get short-lived keys for AWS tools, as the operator.",
        discussion: """
            In the form that the AWS CLI and SDKs read from a credential_process:

              [profile portolan]
              credential_process = portolan credentials
              endpoint_url = https://<portal of the Region>
            """)

    @OptionGroup var client: ClientOptions
    @Option(help: ArgumentHelp("Seconds they are valid, 900 to 43200.", valueName: "seconds"))
    var duration: UInt32 = 3_600

    /// Names as in "Sourcing credentials with an external process" of the AWS CLI.
    private struct Output: Encodable {
        let version = 1
        let accessKeyID: String
        let secretAccessKey: String
        let sessionToken: String
        let expiration: String

        enum CodingKeys: String, CodingKey {
            case version = "Version"
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case sessionToken = "SessionToken"
            case expiration = "Expiration"
        }
    }

    func run() async throws {
        try await client.connected { session in
            var request = PortalIssueCredentialsRequest()
            request.durationSeconds = duration
            let answer = try await session.operatorCredentials.issueCredentials(
                request, options: session.options)
            let expires = Date(timeIntervalSince1970: Double(answer.expiresAtUs) / 1_000_000)
            try JSONOutput.print(
                Output(
                    accessKeyID: answer.accessKeyID, secretAccessKey: answer.secretAccessKey,
                    sessionToken: answer.sessionToken,
                    expiration: expires.formatted(.iso8601)))
        }
    }
}
