import Contracts
import Testing

@testable import portolan

@Suite("Formats")
struct FormatTests {
    @Test("counts are grouped", arguments: [(0, "0"), (999, "999"), (1_204_331, "1,204,331")])
    func count(value: Int, text: String) { #expect(Format.count(value) == text) }

    @Test(
        "durations take the unit that fits",
        arguments: [
            (-1, "-"), (850, "850 us"), (12_400, "12.4 ms"), (3_000_000, "3 s"),
            (245_000_000, "4 min 05 s"), (7_380_000_000, "2 h 03 min"),
        ] as [(Int64, String)])
    func duration(value: Int64, text: String) {
        #expect(Format.duration(microseconds: value) == text)
    }

    @Test("a time is shown in UTC to the second, none as a dash")
    func time() {
        #expect(Format.time(1_795_489_928_000_000) == "2026-11-24 03:12:08Z")
        #expect(Format.time(0) == "-")
    }

    @Test("enumerations are shown by the contract's names")
    func names() {
        #expect(Format.name(CoordinatorRegionStatus.adding) == "ADDING")
        #expect(
            Format.name(CoordinatorIdentitySource.identityCenterDirectory)
                == "IDENTITY_CENTER_DIRECTORY")
    }

    @Test("progress shows entries copied, total, rate and remaining time within the width")
    func progress() {
        var progress = CoordinatorRegionProgress()
        progress.entriesTotal = 2_000
        progress.entriesCopied = 500
        progress.entriesPerSecond = 1_000
        progress.remainingMs = 1_500
        let line = ProgressBar.line("eu-west-1", progress, width: 100)
        #expect(line.hasPrefix("eu-west-1 [##########....."))
        #expect(line.hasSuffix("25 %  500/2,000 entries  1,000/s  1.5 s left"))
        #expect(ProgressBar.line("eu-west-1", progress, width: 40).count <= 40)
    }

    @Test("progress of an unknown total is not more than everything")
    func unknownTotal() {
        var progress = CoordinatorRegionProgress()
        progress.entriesCopied = 7
        progress.remainingMs = -1
        #expect(ProgressBar.line("eu-west-1", progress, width: 100).contains("0 %  7/0 entries"))
        progress.entriesTotal = 5
        #expect(ProgressBar.line("eu-west-1", progress, width: 100).contains("100 %  5/5 entries"))
    }
}
