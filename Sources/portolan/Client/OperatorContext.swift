import Foundation
import ServiceKit

/// Where an operator's Regions are and who the operator is: a JSON file.
struct OperatorContext: Codable, Sendable, Equatable {
    var trustDomain: String
    /// PEM files; relative paths start at the context file's directory.
    var certificate: String
    var key: String
    var roots: String
    /// The Region that is asked unless `--region` names another.
    var region: String
    /// Region to service to "host:port", or several of them with commas between.
    var regions: [String: [String: String]]

    /// PORTOLAN_CONTEXT, else ~/.config/portolan/context.json.
    static func defaultPath(_ environment: [String: String]) -> String {
        if let path = environment["PORTOLAN_CONTEXT"], !path.isEmpty { return path }
        let home = environment["XDG_CONFIG_HOME"] ?? "\(environment["HOME"] ?? ".")/.config"
        return "\(home)/portolan/context.json"
    }

    static func load(_ path: String) throws -> OperatorContext {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                "There is no context file at \(path).",
                hint: "Make one: portolan context create --config region.json --operator NAME "
                    + "--output \(path)\nor name another with --context FILE or PORTOLAN_CONTEXT.")
        }
        let context: OperatorContext
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            context = try JSONDecoder().decode(OperatorContext.self, from: data)
        } catch let error as DecodingError {
            throw CommandFailure(
                "The context file \(path) cannot be read: \(problem(error)).",
                hint: "Make it anew: portolan context create --force …")
        } catch {
            throw CommandFailure(
                "The context file \(path) cannot be read.", hint: "Check its permissions.")
        }
        return context.resolved(
            against: URL(fileURLWithPath: path).deletingLastPathComponent().path)
    }

    /// The file's text.
    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }

    /// Where a service of a Region is reached; at least one.
    func addresses(of service: ServiceName, in region: String) throws -> [ServiceAddress] {
        guard let services = regions[region] else {
            let known = regions.keys.sorted().joined(separator: ", ")
            throw CommandFailure(
                "The context knows no Region \(region).",
                hint: "It knows \(known.isEmpty ? "none" : known). Choose one with --region, or "
                    + "make the context anew with portolan context create.")
        }
        guard let text = services[service.rawValue], let found = ServiceAddress.list(text) else {
            throw CommandFailure(
                "The context has no address of the \(service.rawValue) service in \(region).",
                hint: "Add \"\(service.rawValue)\": \"host:port\" under regions.\(region).")
        }
        return found
    }

    private func resolved(against directory: String) -> OperatorContext {
        var result = self
        func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : "\(directory)/\(path)"
        }
        result.certificate = absolute(certificate)
        result.key = absolute(key)
        result.roots = absolute(roots)
        return result
    }

    private static func problem(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong type"
        default: "it is not JSON"
        }
    }
}
