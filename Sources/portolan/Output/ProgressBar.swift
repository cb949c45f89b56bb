import Contracts
import Foundation

/// Draws the progress of an initial copy: in place on a terminal, as lines elsewhere.
struct ProgressBar {
    let terminal: Terminal
    private var last = ""

    init(_ terminal: Terminal) { self.terminal = terminal }

    mutating func show(_ region: String, _ progress: CoordinatorRegionProgress) {
        let text = Self.line(region, progress, width: terminal.width ?? 80)
        guard text != last else { return }
        last = text
        Console.progress(terminal.isInteractive ? "\r\u{1B}[K" + text : text + "\n")
    }

    /// The same for a transfer whose rate is measured here: `since` is when it began.
    mutating func show(_ name: String, done: UInt64, total: UInt64, since start: Date) {
        var progress = CoordinatorRegionProgress()
        progress.entriesCopied = done
        progress.entriesTotal = max(total, done)
        let seconds = Date().timeIntervalSince(start)
        if seconds > 0.2 {
            progress.entriesPerSecond = Double(done) / seconds
            let left = Double(progress.entriesTotal - done) / max(progress.entriesPerSecond, 1)
            progress.remainingMs = Int64(min(left, 1e9) * 1_000)
        } else {
            progress.remainingMs = -1
        }
        show(name, progress)
    }

    /// Ends the line.
    func finish() {
        if terminal.isInteractive, !last.isEmpty { Console.progress("\n") }
    }

    /// "eu-west-1 [#####.....]  50 %  1,000/2,000 entries  8,000/s  1 s left"
    static func line(
        _ region: String, _ progress: CoordinatorRegionProgress, width: Int
    ) -> String {
        let total = progress.entriesTotal
        let copied = total == 0 ? progress.entriesCopied : min(progress.entriesCopied, total)
        let share = total == 0 ? 0 : Double(copied) / Double(total)
        var facts = "\(Int(share * 100)) %  \(Format.count(copied))/\(Format.count(total)) entries"
        if progress.entriesPerSecond >= 1 {
            facts += "  \(Format.count(Int(min(progress.entriesPerSecond, 1e12))))/s"
        }
        if progress.remainingMs >= 0, copied < total {
            let remaining = min(progress.remainingMs, Int64.max / 1_000) * 1_000
            facts += "  \(Format.duration(microseconds: remaining)) left"
        }
        let room = min(40, width - region.count - facts.count - 6)
        guard room >= 8 else { return Table.cut("\(region)  \(facts)", to: width) }
        let filled = Int(Double(room) * share)
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: room - filled)
        return "\(region) [\(bar)]  \(facts)"
    }
}
