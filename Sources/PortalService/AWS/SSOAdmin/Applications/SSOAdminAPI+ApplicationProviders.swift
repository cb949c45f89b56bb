import AccessPolicy
import Contracts
import RPC

extension SSOAdminAPI {
    var applicationProviderOperations: [JSONOperation] {
        [
            JSONOperation("ListApplicationProviders", .use) { (input: ProvidersInput, call) in
                try authorizer.require("sso:ListApplicationProviders", on: ["*"], call)
                let page = try Self.page(
                    ApplicationProvider.allCases, input.maxResults, input.nextToken
                ) { $0.rawValue }
                return ProvidersOutput(
                    applicationProviders: page.items.map(Provider.init), nextToken: page.nextToken)
            },
            JSONOperation("DescribeApplicationProvider", .use) { (input: ProviderInput, call) in
                let provider = try ApplicationProvider(arn: input.applicationProviderArn)
                try authorizer.require(
                    "sso:DescribeApplicationProvider", on: [input.applicationProviderArn], call)
                guard let provider else {
                    throw AWSError(
                        "ResourceNotFoundException", "There is no such application provider.")
                }
                return Provider(provider)
            },
        ]
    }

    struct ProvidersInput: Decodable, Sendable {
        let maxResults: Int?
        let nextToken: String?
    }

    struct ProviderInput: Decodable, Sendable {
        let applicationProviderArn: String
    }

    /// Without a federation protocol: there is none that an application signs people in by here.
    struct Provider: Encodable, Sendable {
        let applicationProviderArn: String
        let displayData: DisplayData

        struct DisplayData: Encodable, Sendable {
            let displayName, description: String
        }

        init(_ provider: ApplicationProvider) {
            applicationProviderArn = provider.arn
            displayData = DisplayData(
                displayName: provider.displayName, description: provider.description)
        }
    }

    struct ProvidersOutput: Encodable, Sendable {
        let applicationProviders: [Provider]
        let nextToken: String?
    }
}
