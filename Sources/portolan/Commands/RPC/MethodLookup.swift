import Contracts
import RPC
import ServiceKit

/// Finds a method of the contracts by what people type.
enum MethodLookup {
    /// `text`: "portolan.directory.v1.Directory/GetUser", or the end of it from a dot or slash on:
    /// "Directory/GetUser", "GetUser". Dots may stand for the slash.
    ///
    /// Throws `CommandFailure` when there is none, or more than one.
    static func find(
        _ text: String, in methods: [String: TypedMethod] = ContractMethods.all
    ) throws -> TypedMethod {
        if let method = methods[text] { return method }
        let wanted = parts(text)
        let found = methods.filter {
            !wanted.isEmpty && parts($0.key).suffix(wanted.count) == wanted
        }
        if found.count == 1, let method = found.values.first { return method }
        guard found.isEmpty else {
            throw CommandFailure(
                "\(text) names several methods.",
                hint: found.keys.sorted().joined(separator: "\n"), exitCode: 2)
        }
        throw CommandFailure(
            "There is no method \(text).", hint: "portolan rpc list shows those of a service.",
            exitCode: 2)
    }

    private static func parts(_ name: String) -> ArraySlice<Substring> {
        name.split { $0 == "." || $0 == "/" }[...]
    }

    /// The service that offers a method of the contracts; nil when every service does.
    static func service(of method: MethodDescriptor) -> ServiceName? {
        let area = method.service.split(separator: ".").dropFirst().first.map(String.init) ?? ""
        // The trail is the coordinator's.
        return area == "trail" ? .coordinator : ServiceName(rawValue: area)
    }
}
