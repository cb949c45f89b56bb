import Contracts
import Foundation
import Hummingbird
import RPC

/// Add, watch and remove Regions.
struct RegionPages: Sendable {
    let gate: ConsoleGate
    let coordinator: CoordinatorInstanceAdministrationClient

    func add(to router: Router<PortalContext>) {
        router.get("console/regions/add") { request, context in
            try await gate.page(request, context) { visit in
                try gate.requirePrimary(visit)
                return try await choose(visit, refusal: nil)
            }
        }
        router.post("console/regions/add") { request, context in
            try await gate.form(request, context) { try await add($0, $1) }
        }
        router.get("console/regions/:region") { request, context in
            let name = try context.regionName()
            return try await gate.page(request, context) { try await show($0, name) }
        }
        router.get("console/regions/:region/remove") { request, context in
            let name = try context.regionName()
            return try await gate.page(request, context) { try confirm($0, name, mismatch: false) }
        }
        router.post("console/regions/:region/remove") { request, context in
            let name = try context.regionName()
            return try await gate.form(request, context) { try await remove($0, name, $1) }
        }
    }

    // MARK: Add

    private func choose(
        _ visit: ConsoleGate.Visit, refusal: RegionChoice.Refusal?
    ) async throws -> Response {
        let answer = try await coordinator.listAvailableRegions(.init(), options: visit.options)
        return try gate.render(
            "region-add", "Add Region", section: .settings, visit,
            content: RegionChoice(answer, refusal: refusal))
    }

    private func add(_ visit: ConsoleGate.Visit, _ form: Form) async throws -> Response {
        try gate.requirePrimary(visit)
        var request = CoordinatorAddRegionRequest()
        request.region = form["region"]
        do {
            _ = try await coordinator.addRegion(request, options: visit.options)
            return .redirect("/console/regions/\(queryEncoded(form["region"]))")
        } catch let error as RPCError
            where [.failedPrecondition, .aborted, .alreadyExists, .invalidArgument, .unavailable]
            .contains(error.code)
        {
            return try await choose(
                visit, refusal: RegionChoice.Refusal(region: form["region"], error))
        }
    }

    // MARK: Watch

    private func show(_ visit: ConsoleGate.Visit, _ name: String) async throws -> Response {
        var request = CoordinatorDescribeRegionRequest()
        request.region = name
        let content: RegionContent
        do {
            content = RegionContent(
                name, try await coordinator.describeRegion(request, options: visit.options))
        } catch let error as RPCError where error.code == .notFound {
            content = RegionContent(name, nil)
        }
        return try gate.render(
            "region", name, section: .settings, visit, content: content,
            refreshSeconds: content.isAdding || content.isRemoving ? 2 : nil)
    }

    // MARK: Remove

    private func confirm(
        _ visit: ConsoleGate.Visit, _ name: String, mismatch: Bool
    ) throws -> Response {
        try gate.requirePrimary(visit)
        struct Content: Sendable {
            let name, portalURL: String
            let mismatch: Bool
        }
        guard let region = visit.instance.regions.first(where: { $0.name == name }),
            !region.primary
        else { throw PortalFailure.notFound }
        return try gate.render(
            "region-remove", "Remove \(name)", section: .settings, visit,
            content: Content(name: name, portalURL: region.portalURL, mismatch: mismatch))
    }

    private func remove(
        _ visit: ConsoleGate.Visit, _ name: String, _ form: Form
    ) async throws -> Response {
        try gate.requirePrimary(visit)
        guard form["confirm"].trimmingCharacters(in: .whitespaces) == name else {
            return try confirm(visit, name, mismatch: true)
        }
        var request = CoordinatorRemoveRegionRequest()
        request.region = name
        _ = try await coordinator.removeRegion(request, options: visit.options)
        return .redirect("/console/regions/\(queryEncoded(name))")
    }
}

extension PortalContext {
    /// The Region in the path.
    fileprivate func regionName() throws -> String {
        let name = try parameters.require("region")
        guard name.utf8.count <= 32, name.utf8.allSatisfy({ (0x2D...0x7A).contains($0) }) else {
            throw PortalFailure.notFound
        }
        return name
    }
}
