import Contracts
import RPC

/// What tags may be (KMS Developer Guide, "Tags").
enum KeyTags {
    static let countMax = 50

    /// Tags as they are stored.
    ///
    /// - Throws: TagException.
    static func checked(_ tags: [KeysTag]) throws -> [String: String] {
        var checked: [String: String] = [:]
        for tag in tags {
            try check(tag.key)
            guard tag.value.unicodeScalars.count <= 256 else {
                throw invalid("The value of \(tag.key) has more than 256 characters.")
            }
            guard checked.updateValue(tag.value, forKey: tag.key) == nil else {
                throw invalid("\(tag.key) is there twice.")
            }
        }
        guard checked.count <= countMax else {
            throw invalid("A key has at most \(countMax) tags.")
        }
        return checked
    }

    static func check(_ name: String) throws {
        guard (1...128).contains(name.unicodeScalars.count),
            !name.lowercased().hasPrefix("aws:")
        else {
            throw invalid("A tag's key has 1 to 128 characters and does not begin with aws:.")
        }
    }

    private static func invalid(_ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: "TagException", message: message)
    }
}
