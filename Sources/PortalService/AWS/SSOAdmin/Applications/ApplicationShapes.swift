import Contracts
import Foundation

extension SSOAdminAPI {
    /// An application as lists and DescribeApplication have it.
    struct Application: Encodable, Sendable {
        let applicationArn, applicationProviderArn, applicationAccount: String
        let instanceArn, identityStoreArn: String
        let name, status: String
        let description: String?
        let portalOptions: PortalOptions
        let createdDate: Date
        /// The Region that it belongs to.
        let createdFrom: String

        init(_ application: PermissionApplication, _ snapshot: InstanceSnapshot) {
            applicationArn = application.applicationArn
            applicationProviderArn = ApplicationProvider(application).arn
            applicationAccount = snapshot.instance.ownerAccountID
            instanceArn = snapshot.instance.instanceArn
            identityStoreArn = snapshot.identityStoreARN
            name = application.name
            status = ApplicationNames.status.name(application.status) ?? "ENABLED"
            description = application.description_p.ifNotEmpty
            portalOptions = PortalOptions(application)
            createdDate = Date(microseconds: application.createdAtUs)
            createdFrom = application.region
        }
    }

    /// Whether and how the access portal offers an application.
    struct PortalOptions: Codable, Sendable {
        let signInOptions: SignInOptions?
        /// ENABLED, unless it is said otherwise, or DISABLED.
        let visibility: String?

        struct SignInOptions: Codable, Sendable {
            let origin: String
            let applicationUrl: String?

            /// Throws: `AWSError` ValidationException for what is not offered.
            func address() throws -> String {
                guard origin == "APPLICATION" else {
                    throw AWSError.validation(
                        "Origin is APPLICATION: the access portal sends people to ApplicationUrl. "
                            + "Sign-in to applications by SAML is not offered.")
                }
                guard let applicationUrl, !applicationUrl.isEmpty else {
                    throw AWSError.validation("Origin APPLICATION needs ApplicationUrl.")
                }
                return applicationUrl
            }
        }

        init(_ application: PermissionApplication) {
            visibility = ApplicationNames.visibility.name(application.hidden)
            signInOptions = application.startURL.ifNotEmpty.map {
                SignInOptions(origin: "APPLICATION", applicationUrl: $0)
            }
        }

        /// Sets what is given. Throws: `AWSError` ValidationException.
        func apply(to application: inout PermissionApplication) throws {
            if let visibility {
                application.hidden = try ApplicationNames.visibility.value(visibility)
            }
            if let signInOptions { application.startURL = try signInOptions.address() }
        }
    }

    /// Names an application, with a page of what belongs to it.
    struct ApplicationInput: Decodable, Sendable, TrailDescribed {
        let applicationArn: String
        let maxResults: Int?
        let nextToken: String?

        var trailParameters: [String: any Sendable] { ["applicationArn": applicationArn] }
    }

    struct CreateApplicationInput: Decodable, Sendable, TrailDescribed {
        let instanceArn, applicationProviderArn, name: String
        let description: String?
        let portalOptions: PortalOptions?
        let status: String?
        let clientToken: String?
        let tags: [Tag]?

        struct Tag: Decodable, Sendable {
            let key: String
        }

        var trailParameters: [String: any Sendable] {
            [
                "instanceArn": instanceArn, "applicationProviderArn": applicationProviderArn,
                "name": name,
            ]
        }
    }

    struct CreateApplicationOutput: Encodable, Sendable {
        let applicationArn, instanceArn, identityStoreArn: String
    }

    struct UpdateApplicationInput: Decodable, Sendable, TrailDescribed {
        let applicationArn: String
        let name, description, status: String?
        let portalOptions: PortalOptions?

        var trailParameters: [String: any Sendable] { ["applicationArn": applicationArn] }
    }

    struct ListApplicationsInput: Decodable, Sendable, TrailDescribed {
        let instanceArn: String
        let maxResults: Int?
        let nextToken: String?
        let filter: Filter?

        struct Filter: Decodable, Sendable {
            let applicationAccount, applicationProvider: String?
        }

        var trailParameters: [String: any Sendable] { ["instanceArn": instanceArn] }
    }

    struct ListApplicationsOutput: Encodable, Sendable {
        let applications: [Application]
        let nextToken: String?
    }
}
