import ArgumentParser
import Foundation
import NIOCore
import Synchronization

/// What the machine itself takes away: threads that only read the clock, and the gaps they see.
///
/// On a machine where nothing else runs there should be none: what is left belongs to the kernel, the
/// hypervisor and whoever else is there. No service can be steadier than this.
struct PausesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pauses", abstract: "How long threads that do nothing are kept from it.")

    @Option var seconds = 2
    @Option var threads = 2

    private struct Report: Encodable {
        var shareLost = 0.0
        var longestMicroseconds = 0.0
        /// Gaps of a millisecond and more, a second and thread.
        var millisecondPausesPerSecond = 0.0
    }

    /// A gap is a pause from here on.
    private static let leastNanoseconds: Int64 = 100_000

    func run() async throws {
        let seconds = seconds
        let gaps = await withTaskGroup(of: [Int64].self) { group in
            for _ in 0..<threads {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        Thread.detachNewThread {
                            continuation.resume(returning: Self.watch(seconds))
                        }
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let watched = Double(seconds * threads)
        var report = Report()
        report.shareLost = Double(gaps.reduce(0, +)) * 1e-9 / watched
        report.longestMicroseconds = Double(gaps.max() ?? 0) / 1e3
        report.millisecondPausesPerSecond = Double(gaps.count { $0 >= 1_000_000 }) / watched
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    private static func watch(_ seconds: Int) -> [Int64] {
        var gaps: [Int64] = []
        var last = NIODeadline.now()
        let end = last + .seconds(Int64(seconds))
        while last < end {
            let now = NIODeadline.now()
            let gap = (now - last).nanoseconds
            if gap >= leastNanoseconds { gaps.append(gap) }
            last = now
        }
        return gaps
    }
}
