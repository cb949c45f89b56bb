import HTTPTypes
import Hummingbird

/// Style sheet, mark and health.
struct StaticRoutes: Sendable {
    let pages: Pages
    let services: PortalServices

    func add(to router: Router<PortalContext>) {
        for (name, asset) in pages.assets {
            router.get(RouterPath("assets/\(name)")) { _, _ in
                Response(
                    status: .ok,
                    headers: [
                        .contentType: asset.contentType, .cacheControl: "public, max-age=300",
                    ], body: .init(byteBuffer: asset.body))
            }
        }
        router.get("healthz") { _, _ in
            let isReady = services.instance.snapshot != nil
            return Response(
                status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
                body: .init(
                    byteBuffer: ByteBuffer(string: isReady ? "ok\n" : "ok, no instance yet\n")))
        }
    }
}
