import HTTPTypes
import Hummingbird
import Logging
import RPC

/// Turns what routes throw into a page with a reference, and writes the detail to the log.
struct ErrorPages: RouterMiddleware {
    typealias Context = PortalContext
    let pages: Pages
    let breakGlass: BreakGlassDesk

    func handle(
        _ request: Request, context: PortalContext,
        next: (Request, PortalContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let failure = Self.failure(error)
            Self.log(failure, error, request, context)
            return try pages.failure(
                failure, requestID: context.requestID,
                offersEmergency: failure.isSignIn && breakGlass.isOffered)
        }
    }

    static func failure(_ error: any Error) -> PortalFailure {
        switch error {
        case let failure as PortalFailure: failure
        case let error as RPCError: PortalFailure(error)
        case let error as any HTTPResponseError where error.status == .notFound: .notFound
        case let error as any HTTPResponseError where error.status.kind == .clientError:
            PortalFailure(
                status: error.status, code: "BAD_REQUEST",
                title: "That request cannot be understood",
                message: "Open the page again and repeat what you wanted to do.",
                action: ("Go to the access portal", "/start"))
        default:
            PortalFailure(
                RPCError(.internalError, reason: "INTERNAL", message: "\(type(of: error))"))
        }
    }

    static func log(
        _ failure: PortalFailure, _ error: any Error, _ request: Request, _ context: PortalContext
    ) {
        let level: Logger.Level = failure.status.kind == .serverError ? .error : .info
        context.logger.log(
            level: level, "a request was refused",
            metadata: [
                "code": "\(failure.code)", "status": "\(failure.status.code)",
                "path": "\(request.uri.path)", "detail": "\(failure.detail)",
                "error": "\(type(of: error))",
            ])
    }
}
