import Contracts
import ServiceKit

extension PortalFeatures {
    /// What is open in an emergency, in every Region, and what nobody has reviewed yet. None while that
    /// cannot be read.
    var emergencyFigures: [ServiceFigure] {
        guard let grants = try? grants.list(), let users = try? breakGlass.list() else { return [] }
        let states: [(String, PortalBreakGlassGrantState)] = [
            ("open", .open), ("unreviewed", .unreviewed),
        ]
        return [
            ServiceFigure(
                name: "portolan_break_glass_grants", type: "gauge",
                help: "Emergency grants that are open, or ended and not reviewed.",
                samples: states.map { name, state in
                    .init(
                        labels: [("state", name)],
                        value: Double(grants.count { $0.state == state }))
                }),
            ServiceFigure(
                name: "portolan_break_glass_users", type: "gauge",
                help: "People who can get in without the identity provider.",
                samples: [.init(labels: [], value: Double(users.count { $0.enabled }))]),
        ]
    }
}
