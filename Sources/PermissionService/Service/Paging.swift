import Foundation
import RPC

/// Page sizes and tokens. A token is the last key of the page before, in base64.
enum Paging {
    /// 0 means 100; at most 1,000.
    static func limit(_ pageSize: UInt32) throws -> Int {
        guard pageSize <= 1_000 else {
            throw RPCError.invalid("PAGE_SIZE_INVALID", "page_size may be at most 1,000.")
        }
        return pageSize == 0 ? 100 : Int(pageSize)
    }

    static func token(_ key: String) -> String { Data(key.utf8).base64EncodedString() }

    /// The key in a token; nil for the first page.
    static func key(_ token: String) throws -> String? {
        if token.isEmpty { return nil }
        guard token.utf8.count <= 2_048, let data = Data(base64Encoded: token),
            let key = String(data: data, encoding: .utf8)
        else { throw RPCError.invalid("PAGE_TOKEN_INVALID", "page_token is not of this list.") }
        return key
    }
}

extension RPCError {
    static func invalid(_ reason: String, _ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: reason, message: message)
    }

    static func missing(_ reason: String, _ message: String) -> RPCError {
        RPCError(.notFound, reason: reason, message: message)
    }

    static func taken(_ reason: String, _ message: String) -> RPCError {
        RPCError(.alreadyExists, reason: reason, message: message)
    }

    static func precondition(
        _ reason: String, _ message: String, _ metadata: [String: String] = [:]
    ) -> RPCError {
        RPCError(.failedPrecondition, reason: reason, message: message, metadata: metadata)
    }
}
