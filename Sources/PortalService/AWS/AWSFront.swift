import Hummingbird

/// `POST /`, where SDKs send what they have: the JSON protocol when X-Amz-Target says so, else the
/// Query protocol.
struct AWSFront: Sendable {
    let json: JSONFront
    let tokenService: TokenService

    func add(to router: Router<PortalContext>) {
        router.post("/") { request, context -> Response in
            if let target = request.headers[.amazonTarget] {
                return await json.answer(target, request, context)
            }
            return try await tokenService.answer(request, context)
        }
    }
}
