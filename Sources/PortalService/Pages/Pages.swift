import Foundation
import HTTPTypes
import Hummingbird
import Mustache
import NIOCore

/// All screens: one template each, parsed at start, inside one layout.
struct Pages: Sendable {
    private let library: MustacheLibrary
    let assets: [String: Asset]

    struct Asset: Sendable {
        let contentType: String
        let body: ByteBuffer
    }

    /// Reads the templates and assets that the module carries.
    ///
    /// Throws when one cannot be read or parsed: the portal then does not start.
    init() throws {
        let root = Bundle.module.bundleURL.appendingPathComponent("Resources")
        try self.init(root: root)
    }

    init(root: URL) throws {
        var library = MustacheLibrary()
        let templates = root.appendingPathComponent("templates")
        for name in try Self.files(in: templates) where name.hasSuffix(".mustache") {
            let text = try String(
                contentsOf: templates.appendingPathComponent(name), encoding: .utf8)
            try library.register(text, named: String(name.dropLast(".mustache".count)))
        }
        var assets: [String: Asset] = [:]
        let folder = root.appendingPathComponent("assets")
        for name in try Self.files(in: folder) {
            let data = try Data(contentsOf: folder.appendingPathComponent(name))
            assets[name] = Asset(
                contentType: Self.contentType(name),
                body: ByteBuffer(bytes: data))
        }
        self.library = library
        self.assets = assets
    }

    private static func contentType(_ name: String) -> String {
        switch name.split(separator: ".").last {
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        default: "image/svg+xml"
        }
    }

    /// A whole page. `content` is what the screen's template reads.
    func page(
        _ template: String, _ frame: PageFrame, content: any Sendable,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let text = try render(template, ["page": frame, "content": content])
        return Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// A template by itself, for answers that are not pages.
    func render(_ template: String, _ object: [String: any Sendable]) throws -> String {
        guard let text = library.render(object, withTemplate: template) else {
            throw PortalFailure(
                status: .internalServerError, code: "TEMPLATE_MISSING",
                title: "Something went wrong", message: "A page is missing.", detail: template)
        }
        return text
    }

    func failure(
        _ failure: PortalFailure, requestID: String, offersEmergency: Bool
    ) throws -> Response {
        struct Content: Sendable {
            let title, message, reference: String
            let isEmergencyOffered: Bool
            let action: [String: String]?
        }
        let content = Content(
            title: failure.title, message: failure.message, reference: requestID,
            isEmergencyOffered: offersEmergency,
            action: failure.action.map { ["label": $0.label, "path": $0.path] })
        return try page(
            "failure", PageFrame(title: failure.title), content: content, status: failure.status)
    }

    private static func files(in folder: URL) throws -> [String] {
        let manager = FileManager.default
        guard let walk = manager.enumerator(atPath: folder.path) else {
            throw CocoaError(.fileReadNoSuchFile)
        }
        return walk.compactMap { $0 as? String }.filter { name in
            var isFolder: ObjCBool = false
            let path = folder.appendingPathComponent(name).path
            return manager.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
        }
    }
}
