import Foundation
import SwiftProtobuf

/// The files of the contracts, found by name and by what they declare.
struct DescriptorIndex: Sendable {
    private struct File: Sendable {
        let encoded: Data
        let imports: [String]
    }

    enum Problem: Error { case unreadable }

    private var files: [String: File] = [:]
    /// Name of the file by full name of service, method, message, field, enum and enum value.
    private var symbols: [String: String] = [:]

    /// Reads an encoded `FileDescriptorSet`.
    init(base64: String) throws {
        guard let data = Data(base64Encoded: base64) else { throw Problem.unreadable }
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: data)
        for file in set.file {
            files[file.name] = File(
                encoded: try file.serializedData(), imports: file.dependency)
            let scope = file.package.isEmpty ? "" : file.package + "."
            for service in file.service {
                symbols[scope + service.name] = file.name
                for method in service.method {
                    symbols["\(scope)\(service.name).\(method.name)"] = file.name
                }
            }
            for message in file.messageType { declare(message, scope, file.name) }
            for value in file.enumType { declare(value, scope, file.name) }
        }
    }

    func file(named name: String) -> String? { files[name] == nil ? nil : name }

    func file(declaring symbol: String) -> String? {
        symbols[symbol.hasPrefix(".") ? String(symbol.dropFirst()) : symbol]
    }

    /// The file and all that it imports, encoded; the file itself first.
    func withImports(_ name: String) -> [Data] {
        var seen: Set<String> = []
        var queue = [name]
        var found: [Data] = []
        while let next = queue.popLast() {
            guard seen.insert(next).inserted, let file = files[next] else { continue }
            found.append(file.encoded)
            queue += file.imports
        }
        return found
    }

    private mutating func declare(
        _ message: Google_Protobuf_DescriptorProto, _ scope: String, _ file: String
    ) {
        let name = scope + message.name
        symbols[name] = file
        for field in message.field { symbols["\(name).\(field.name)"] = file }
        for nested in message.nestedType { declare(nested, name + ".", file) }
        for value in message.enumType { declare(value, name + ".", file) }
    }

    private mutating func declare(
        _ value: Google_Protobuf_EnumDescriptorProto, _ scope: String, _ file: String
    ) {
        symbols[scope + value.name] = file
        // Values live in the scope around their enum.
        for number in value.value { symbols[scope + number.name] = file }
    }
}
