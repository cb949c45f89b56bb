import Contracts
import Foundation
import SwiftProtobuf

/// Emergency grants with their reviews, and how far the counters of security keys are: of all Regions.
struct GrantState: Sendable {
    /// How long a grant is kept after its review. Until then it is kept for ever.
    static let keptAfterReview: Int64 = 90 * 86_400 * 1_000_000
    /// A review outlives its grant, so that a grant is never without it.
    private static let reviewOutlives: Int64 = 86_400 * 1_000_000

    private(set) var all: [String: PortalBreakGlassGrant] = [:]
    private(set) var reviews: [String: PortalBreakGlassReview] = [:]
    /// By "<Region>/<hash of the credential ID>".
    private var signCounts: [String: UInt32] = [:]

    static func recordKey(_ grantID: String) -> String { "grant/\(grantID)" }
    static func reviewKey(_ grantID: String) -> String { "grant-review/\(grantID)" }

    static func signCountKey(_ credentialID: Data, region: String) -> String {
        "sign-count/\(region)/\(hexHash(bytes: Array(credentialID)))"
    }

    mutating func put(kind: Substring, id: String, value: Data) throws {
        switch kind {
        case "grant": all[id] = try PortalBreakGlassGrantRecord(serializedBytes: value).grant
        case "grant-review": reviews[id] = try PortalBreakGlassReview(serializedBytes: value)
        case "sign-count":
            signCounts[id] = try PortalSignCountRecord(serializedBytes: value).count
        default: break
        }
    }

    mutating func remove(kind: Substring, id: String) {
        switch kind {
        case "grant": all[id] = nil
        case "grant-review": reviews[id] = nil
        case "sign-count": signCounts[id] = nil
        default: break
        }
    }

    /// The highest count that any Region has seen of a key.
    func signCount(_ credentialID: Data) -> UInt32 {
        let suffix = "/" + hexHash(bytes: Array(credentialID))
        return signCounts.lazy.filter { $0.key.hasSuffix(suffix) }.map(\.value).max() ?? 0
    }

    /// Whether a record has done its duty.
    func isOver(kind: Substring, id: String, now: Int64) -> Bool {
        guard let review = reviews[id] else { return false }
        switch kind {
        case "grant": return review.reviewedAtUs + Self.keptAfterReview < now
        case "grant-review":
            return all[id] == nil
                && review.reviewedAtUs + Self.keptAfterReview + Self.reviewOutlives < now
        default: return false
        }
    }
}

extension SessionState {
    /// A grant as of now: its state, its end and its review.
    func described(_ grant: PortalBreakGlassGrant, now: Int64) -> PortalBreakGlassGrant {
        var grant = grant
        if grant.endedAtUs == 0, let revocation = revocations[grant.grantID] {
            grant.endedAtUs = revocation.revokedAtUs
            grant.endCause = revocation.cause
        } else if grant.endedAtUs == 0, grant.expiresAtUs <= now {
            grant.endedAtUs = grant.expiresAtUs
            grant.endCause = "expired"
        }
        grant.state = grant.endedAtUs == 0 ? .open : .unreviewed
        if let review = grants.reviews[grant.grantID] {
            grant.review = review
            grant.state = .reviewed
        }
        return grant
    }

    /// All grants as of now, newest first.
    func describedGrants(now: Int64) -> [PortalBreakGlassGrant] {
        grants.all.values.map { described($0, now: now) }
            .sorted { ($1.openedAtUs, $1.grantID) < ($0.openedAtUs, $0.grantID) }
    }
}
