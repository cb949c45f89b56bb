import HTTPTypes
import Hummingbird

/// One strict policy on every answer: no scripts, nothing from elsewhere, no framing. Pages that ask for a
/// security key have this portal's own script files, and no other.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = PortalContext

    func handle(
        _ request: Request, context: PortalContext,
        next: (Request, PortalContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        Self.apply(to: &response, requestID: context.requestID)
        return response
    }

    static func apply(to response: inout Response, requestID: String) {
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = usualPolicy
        }
        response.headers[.strictTransportSecurity] = "max-age=63072000; includeSubDomains"
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.referrerPolicy] = "same-origin"
        response.headers[.permissionsPolicy] = "camera=(), microphone=(), geolocation=()"
        response.headers[.crossOriginOpenerPolicy] = "same-origin"
        response.headers[.requestID] = requestID
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    }

    private static let usualPolicy = policy()

    /// `formOrigin`: where a form of this page may also go (the identity provider).
    static func policy(formOrigin: String? = nil, scripts: Bool = false) -> String {
        "default-src 'none'; \(scripts ? "script-src 'self'; " : "")"
            + "style-src 'self'; img-src 'self' data:; "
            + "form-action 'self'\(formOrigin.map { " \($0)" } ?? ""); "
            + "frame-ancestors 'none'; base-uri 'none'"
    }
}

extension HTTPField.Name {
    static let referrerPolicy = name("Referrer-Policy")
    static let permissionsPolicy = name("Permissions-Policy")
    static let crossOriginOpenerPolicy = name("Cross-Origin-Opener-Policy")
    static let requestID = name("X-Request-Id")
    static let fetchSite = name("Sec-Fetch-Site")
    static let bearerToken = name("x-amz-sso_bearer_token")
    static let amazonErrorType = name("x-amzn-ErrorType")
    static let amazonRequestID = name("x-amzn-RequestId")
    static let amazonTarget = name("X-Amz-Target")
    static let amazonDate = name("X-Amz-Date")
    static let amazonSecurityToken = name("X-Amz-Security-Token")

    /// Names written in this file; all are valid field names.
    static func name(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is no name") }
        return name
    }
}
