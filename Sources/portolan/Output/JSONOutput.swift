import Foundation
import SwiftProtobuf

/// JSON of answers: protobuf's own mapping, indented on a terminal, one line elsewhere.
enum JSONOutput {
    static func print(_ message: some Message) throws {
        let line = try message.jsonString()
        Console.print(Terminal.output.isInteractive ? indented(line) : line)
    }

    static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if Terminal.output.isInteractive { encoder.outputFormatting.insert(.prettyPrinted) }
        Console.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func indented(_ line: String) -> String {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)),
            let data = try? JSONSerialization.data(
                withJSONObject: object,
                options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        else { return line }
        return String(decoding: data, as: UTF8.self)
    }
}
