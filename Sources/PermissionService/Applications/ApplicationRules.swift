import Contracts
import Foundation
import RPC

/// What an application may hold.
enum ApplicationRules {
    /// Fills defaults in. Throws INVALID_ARGUMENT naming the field, FAILED_PRECONDITION
    /// CMK_NOT_SUPPORTED.
    static func checked(
        _ given: PermissionApplication, _ instance: CoordinatorInstance
    ) throws -> PermissionApplication {
        var application = given
        if application.status == .unspecified { application.status = .enabled }
        guard (1...100).contains(application.name.count) else {
            throw RPCError.invalid("NAME_INVALID", "name needs 1 to 100 characters.")
        }
        guard application.description_p.count <= 128 else {
            throw RPCError.invalid(
                "DESCRIPTION_INVALID", "description may have at most 128 characters.")
        }
        guard application.startURL.isEmpty || isAddress(application.startURL) else {
            throw RPCError.invalid("START_URL_INVALID", "start_url needs an http or https URL.")
        }
        guard application.supportsCustomerManagedKeys || instance.encryption.kmsKeyArn.isEmpty
        else {
            throw RPCError.precondition(
                "CMK_NOT_SUPPORTED",
                "\(application.name) does not support customer managed keys, "
                    + "and this instance uses one.")
        }
        return application
    }

    private static func isAddress(_ text: String) -> Bool {
        guard text.utf8.count <= 512, let url = URL(string: text),
            let scheme = url.scheme?.lowercased()
        else { return false }
        return ["http", "https"].contains(scheme) && url.host?.isEmpty == false
    }
}

extension PermissionApplication {
    /// Without what the service decides.
    var asAsked: PermissionApplication {
        var asked = self
        asked.applicationArn = ""
        asked.region = ""
        asked.createdAtUs = 0
        asked.version = 0
        return asked
    }
}
