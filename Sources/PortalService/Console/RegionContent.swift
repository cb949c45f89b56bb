import Contracts
import Foundation
import RPC

/// What the Add Region page shows: who can be added, and what the others lack.
struct RegionChoice: Sendable {
    let refusal: Refusal?
    let readyCount, blockedCount, unreachableCount, unreachable: String
    let hasReady, hasBlocked, hasUnreachable: Bool
    let ready: [Choice]
    let blocked: [Choice]

    struct Choice: Sendable {
        let name: String
        let problems: [Problem]
    }

    struct Problem: Sendable {
        let code, message: String
        let remedy: String?
    }

    /// Why a Region was not added, as the coordinator says it.
    struct Refusal: Sendable {
        let region, message: String
        let problems: [String]

        init(region: String, _ error: RPCError) {
            self.region = region
            message = error.message
            problems = error.metadata.filter { $0.key.hasPrefix("problem-") }
                .sorted { $0.key.localizedStandardCompare($1.key) == .orderedAscending }
                .map(\.value)
        }
    }

    init(_ answer: CoordinatorListAvailableRegionsResponse, refusal: Refusal?) {
        self.refusal = refusal
        let choices = answer.regions.filter(\.reachable).map { region in
            Choice(
                name: region.name,
                problems: region.problems.map {
                    Problem(
                        code: $0.code, message: $0.message,
                        remedy: $0.remedy.isEmpty ? nil : $0.remedy)
                })
        }
        ready = choices.filter(\.problems.isEmpty)
        blocked = choices.filter { !$0.problems.isEmpty }
        let away = answer.regions.filter { !$0.reachable }.map(\.name)
        unreachable = away.joined(separator: ", ")
        (hasReady, hasBlocked, hasUnreachable) = (!ready.isEmpty, !blocked.isEmpty, !away.isEmpty)
        readyCount = String(ready.count)
        blockedCount = String(blocked.count)
        unreachableCount = String(away.count)
    }
}

/// What the page of one Region shows while it is added or removed, and afterwards.
struct RegionContent: Sendable {
    let name, status, tone, portalURL: String
    let isAdding, isRemoving, isActive, isGone, isKnown: Bool
    let total, copied: UInt64
    let percent, copiedText, totalText, rate, remaining, started: String
    let failure: String?

    init(_ name: String, _ answer: CoordinatorDescribeRegionResponse?) {
        self.name = name
        let region = answer.flatMap { $0.hasRegion ? $0.region : nil }
        let progress = answer?.progress ?? .init()
        isGone = region == nil
        (status, tone) = region.map { RegionRow.status($0.status) } ?? ("Not a Region", "warn")
        isAdding = region?.status == .adding
        isRemoving = region?.status == .removing
        isActive = region?.status == .active
        portalURL = region?.portalURL ?? ""
        total = progress.entriesTotal
        copied = min(progress.entriesCopied, progress.entriesTotal)
        isKnown = total > 0
        percent = total == 0 ? "0" : String(copied * 100 / total)
        copiedText = Display.count(copied)
        totalText = total == 0 ? "…" : Display.count(total)
        let perSecond = progress.entriesPerSecond
        rate = Display.count(perSecond.isFinite && perSecond > 0 ? UInt64(perSecond) : 0)
        remaining = Display.duration(milliseconds: progress.remainingMs)
        started = Display.time(microseconds: progress.startedAtUs)
        failure = progress.failureReason.isEmpty ? nil : progress.failureReason
    }
}
