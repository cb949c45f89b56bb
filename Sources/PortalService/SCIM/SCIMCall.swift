import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RPC
import SCIM
import ServiceKit

/// One authenticated request of a SCIM client.
struct SCIMCall: Sendable {
    let request: Request
    let context: PortalContext
    let query: Form
    /// "https://…/scim/v2".
    let baseURL: String
    let options: CallOptions

    /// A part of the path.
    func parameter(_ name: String) -> String { context.parameters.get(name) ?? "" }

    func projection() throws -> Projection {
        try Projection(
            attributes: query.has("attributes") ? query["attributes"] : nil,
            excludedAttributes: query.has("excludedAttributes")
                ? query["excludedAttributes"] : nil)
    }

    /// The JSON body. Throws `SCIMError`.
    func body() async throws -> SCIMValue {
        do {
            let bytes = try await request.boundedBody(SCIMLimits.bodyBytesMax)
            return try SCIMValue.parse(Data(bytes.readableBytesView))
        } catch let failure as PortalFailure {
            throw SCIMError(status: failure.status.code, detail: failure.message)
        }
    }

    /// Which page is asked for. `startIndex` counts from 1; a count of 0 asks for the total only.
    func paging() throws -> (offset: UInt64, count: Int) {
        func number(_ name: String, _ fallback: Int) throws -> Int {
            guard query.has(name) else { return fallback }
            guard let value = Int(query[name]) else {
                throw SCIMError(
                    status: 400, kind: .invalidValue, detail: "\(name) is not a number.")
            }
            return value
        }
        let start = max(1, try number("startIndex", 1))
        let count = min(max(0, try number("count", 100)), SCIMLimits.pageSizeMax)
        return (UInt64(start - 1), count)
    }

    func filter() throws -> SCIMFilter? {
        query["filter"].isEmpty ? nil : try FilterParser.parse(query["filter"])
    }
}

/// Answers and refusals in SCIM's form.
enum SCIMAnswer {
    static let contentType = "application/scim+json; charset=utf-8"

    static func resource(
        _ object: SCIMObject, status: HTTPResponse.Status = .ok, location: String? = nil
    ) -> Response {
        var response = json(.object(object), status)
        if let location { response.headers[.location] = location }
        return response
    }

    static func json(_ value: SCIMValue, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: contentType],
            body: .init(byteBuffer: ByteBuffer(bytes: value.serialized())))
    }

    static var none: Response { Response(status: .noContent) }

    static func refusal(_ error: SCIMError) -> Response {
        var response = json(error.body, HTTPResponse.Status(code: error.status))
        if error.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
        if error.status == 503 || error.status == 429 { response.headers[.retryAfter] = "1" }
        return response
    }

    /// What a service's refusal means to the SCIM client.
    static func error(_ error: RPCError, noun: String) -> SCIMError {
        switch error.code {
        case .notFound where error.reason == "USER_NOT_FOUND" && noun == "Group":
            SCIMError(
                status: 400, kind: .invalidValue, detail: "A member is not a user of this store.")
        case .notFound: SCIMError(status: 404, detail: "\(noun) not found.")
        case .alreadyExists:
            SCIMError(status: 409, kind: .uniqueness, detail: duplicate(error.reason, noun))
        case .invalidArgument:
            SCIMError(status: 400, kind: .invalidValue, detail: error.message)
        case .aborted:
            SCIMError(status: 409, detail: "The resource is being changed by somebody else.")
        case .failedPrecondition where error.reason == "NOT_PRIMARY":
            SCIMError(status: 403, detail: error.message)
        case .failedPrecondition: SCIMError(status: 403, detail: error.message)
        case .permissionDenied: SCIMError(status: 403, detail: "This is not allowed.")
        case .resourceExhausted: SCIMError(status: 429, detail: error.message)
        case .unavailable, .deadlineExceeded:
            SCIMError(status: 503, detail: "A part of this Region does not answer; try again.")
        default: SCIMError(status: 500, detail: "Something went wrong; the problem was recorded.")
        }
    }

    private static func duplicate(_ reason: String, _ noun: String) -> String {
        switch reason {
        case "USER_NAME_TAKEN": "Duplicate userName: another user has it."
        case "GROUP_NAME_TAKEN": "Duplicate GroupDisplayName: another group has it."
        case "EXTERNAL_ID_TAKEN": "Duplicate externalId: another \(noun.lowercased()) has it."
        default: "Duplicate \(noun)."
        }
    }
}
