import Foundation
import HTTPTypes
import Hummingbird
import ServiceKit

/// Why the OIDC API refuses, as `sso-oidc` says it: the header names the exception for AWS's tools,
/// the body the error of RFC 6749 and 8628 for others. Tools that get one without the other give up
/// polling.
struct OAuthRefusal: Error, Sendable {
    enum Kind: String, Sendable {
        case authorizationPending = "AuthorizationPendingException"
        case slowDown = "SlowDownException"
        case expiredToken = "ExpiredTokenException"
        case accessDenied = "AccessDeniedException"
        case invalidClient = "InvalidClientException"
        case invalidGrant = "InvalidGrantException"
        case invalidRequest = "InvalidRequestException"
        case invalidScope = "InvalidScopeException"
        case unauthorizedClient = "UnauthorizedClientException"
        case unsupportedGrantType = "UnsupportedGrantTypeException"
        case invalidClientMetadata = "InvalidClientMetadataException"
        case invalidRedirectURI = "InvalidRedirectUriException"
        case server = "InternalServerException"

        /// The error of the RFCs.
        var code: String {
            switch self {
            case .authorizationPending: "authorization_pending"
            case .slowDown: "slow_down"
            case .expiredToken: "expired_token"
            case .accessDenied: "access_denied"
            case .invalidClient: "invalid_client"
            case .invalidGrant: "invalid_grant"
            case .invalidRequest: "invalid_request"
            case .invalidScope: "invalid_scope"
            case .unauthorizedClient: "unauthorized_client"
            case .unsupportedGrantType: "unsupported_grant_type"
            case .invalidClientMetadata: "invalid_client_metadata"
            case .invalidRedirectURI: "invalid_redirect_uri"
            case .server: "server_error"
            }
        }

        var status: HTTPResponse.Status {
            switch self {
            case .invalidClient: .unauthorized
            case .server: .internalServerError
            default: .badRequest
            }
        }
    }

    let kind: Kind
    let message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    func response() -> Response {
        let body = JSONText.text(["error": kind.code, "error_description": message])
        return Response(
            status: kind.status,
            headers: [.contentType: "application/json", .amazonErrorType: kind.rawValue],
            body: .init(byteBuffer: ByteBuffer(string: body)))
    }
}
