import ServiceKit
import Synchronization

/// What limits of the portal have refused, or left out of the trail, since the start.
///
/// These are in the metrics and in no trail: anybody on the Internet can cause them, as many as the line
/// carries, and a limit that wrote each refusal to the disk would be the flood it is there against. What
/// the limit let through before is in the trail.
final class LimitCounts: Sendable {
    /// What there is so much of and no more.
    enum Limit: String, CaseIterable {
        case emergencyAttempts = "emergency-attempts"
        case emergencyFailures = "emergency-failures"
        case enrolmentAttempts = "enrolment-attempts"
        case authorizeAttempts = "authorize-attempts"
        case deviceCodes = "device-codes"
        case registrations
        case tokens
        /// Refusals that are not recorded one by one.
        case recordedRefusals = "recorded-refusals"
    }

    private let counts = Mutex<[Limit: UInt64]>([:])

    init() {}

    func add(_ limit: Limit) { counts.withLock { $0[limit, default: 0] += 1 } }

    subscript(limit: Limit) -> UInt64 { counts.withLock { $0[limit] ?? 0 } }

    var figure: ServiceFigure {
        ServiceFigure(
            name: "portolan_portal_limited_total", type: "counter",
            help: "Requests that a limit refused; refusals that it kept out of the trail.",
            samples: Limit.allCases.map {
                .init(labels: [("limit", $0.rawValue)], value: Double(self[$0]))
            })
    }
}
