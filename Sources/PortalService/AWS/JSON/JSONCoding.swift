import Foundation

/// JSON as AWS' JSON protocols have it: member names begin with a capital letter, bytes are base64,
/// times are seconds since 1970. Properties in Swift have the same names with a small first letter.
enum JSONCoding {
    /// Throws: `AWSError` SerializationException, or ValidationException for what is missing.
    static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dataDecodingStrategy = .base64
        decoder.dateDecodingStrategy = .secondsSince1970
        decoder.keyDecodingStrategy = .custom { MemberName(lowercasingFirst: $0.last) }
        do {
            return try decoder.decode(type, from: data.isEmpty ? Data("{}".utf8) : data)
        } catch let DecodingError.keyNotFound(key, _) {
            throw AWSError.missing(key.stringValue)
        } catch let DecodingError.valueNotFound(_, context) {
            throw AWSError.missing(context.codingPath.last?.stringValue ?? "")
        } catch let DecodingError.typeMismatch(_, context) {
            throw AWSError.serialization(
                "\(context.codingPath.map(\.stringValue).joined(separator: ".").prefix(256)) has "
                    + "another type.")
        } catch let DecodingError.dataCorrupted(context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".").prefix(256)
            throw AWSError.serialization(
                path.isEmpty ? "The body is not JSON." : "\(path) is malformed.")
        }
    }

    static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dataEncodingStrategy = .base64
        encoder.dateEncodingStrategy = .secondsSince1970
        encoder.keyEncodingStrategy = .custom { MemberName(capitalizingFirst: $0.last) }
        return try encoder.encode(value)
    }
}

private struct MemberName: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(lowercasingFirst key: (any CodingKey)?) {
        let name = key?.stringValue ?? ""
        stringValue = name.prefix(1).lowercased() + name.dropFirst()
        intValue = key?.intValue
    }

    init(capitalizingFirst key: (any CodingKey)?) {
        let name = key?.stringValue ?? ""
        // The one name that begins with an abbreviation.
        stringValue =
            name == "awsAccountId" ? "AWSAccountId" : name.prefix(1).uppercased() + name.dropFirst()
        intValue = key?.intValue
    }

    init?(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init?(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}
