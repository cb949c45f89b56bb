import ArgumentParser
import Contracts
import CoordinatorService
import Foundation
import ServiceKit

extension RegionCommand {
    /// Where a Region's configuration is, for commands that work on its store.
    struct StoreOptions: ParsableArguments {
        @Option(
            help: ArgumentHelp("The Region's configuration.", valueName: "file"),
            completion: .file(extensions: ["json"]))
        var config: String
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Back up a Region's log while it runs.",
            discussion: """
                Run it on the coordinator's machine (or any that reaches its database). The first \
                file in a directory is whole, each later one holds what has come since. Each can be \
                restored, and with two no further apart than historySeconds (60 by default) every \
                moment between them. The keys service's data is not part of it.
                """)

        @OptionGroup var store: StoreOptions
        @Option(help: ArgumentHelp("Directory of the backups.", valueName: "directory"))
        var to: String
        @Flag(help: "Begin a new series: everything, not only what has come.") var whole = false
        @Option(
            help: ArgumentHelp(
                "Go on until interrupted, with so many seconds between two.", valueName: "seconds"))
        var every: Double?

        func validate() throws {
            if let every, !(0.1...86_400).contains(every) {
                throw ValidationError("--every must be within 0.1 to 86400.")
            }
        }

        func run() async throws {
            let configuration = try await ConfigurationFile.load(store.config)
            let transfer = LogTransfer(LogStore(configuration))
            let series = BackupSeries(directory: URL(filePath: to))
            var isWhole = whole
            while true {
                let meter = TransferMeter(configuration.region)
                let point: BackupSeries.Point
                do {
                    point = try await transfer.backUp(
                        to: series, isWhole: isWhole, progress: meter.show)
                } catch {
                    meter.finish()
                    throw error
                }
                meter.finish()
                Console.print(
                    "Backup \(point.number) of \(configuration.region): "
                        + "\(Format.count(point.bytes)) bytes, "
                        + (point.isWhole ? "whole" : "what has come since \(point.number - 1)"))
                guard let every else { return }
                isWhole = false
                try await Task.sleep(for: .seconds(every))
            }
        }
    }

    struct Backups: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the moments that a directory of backups can restore.")

        @Option(help: ArgumentHelp("Directory of the backups.", valueName: "directory"))
        var from: String

        func run() async throws {
            let points = try BackupSeries(directory: URL(filePath: from)).points()
            var table = Table(
                [
                    .text("Number"), .text("Taken"), .text("Region"), .text("Kind"),
                    .text("Bytes"), .extra("Control stream"),
                ], whenEmpty: "There is no backup.")
            for point in points {
                let control = point.header.streams.first { $0.name == "control" }
                table.add([
                    String(point.number), Format.time(point.takenAtMicroseconds),
                    point.header.region, point.isWhole ? "whole" : "since",
                    Format.count(point.bytes),
                    control.map { Format.position($0.head) } ?? "-",
                ])
            }
            Console.print(table.render(.output))
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fill a Region's empty store from a backup.",
            discussion: """
                The coordinator must not run, and its store must hold no log. The Region is then \
                read-only until it has ruled out that other Regions have seen more; where one has, \
                promote that one, and this Region catches up as its replica.
                """)

        @OptionGroup var store: StoreOptions
        @Option(help: ArgumentHelp("Directory of the backups.", valueName: "directory"))
        var from: String
        @Option(help: "The backup's number; the newest when neither this nor --at is given.")
        var point: Int?
        @Option(
            help: ArgumentHelp(
                "A moment, such as 2026-02-03T04:05:06.5Z: everything written up to then, and "
                    + "nothing later.", valueName: "time"))
        var at: String?

        func validate() throws {
            if point != nil, at != nil { throw ValidationError("Give --point or --at, not both.") }
            if let at, MomentText.microseconds(at) == nil {
                throw ValidationError("--at \(at) is not a time such as 2026-02-03T04:05:06.5Z.")
            }
        }

        func run() async throws {
            let configuration = try await ConfigurationFile.load(store.config)
            let series = BackupSeries(directory: URL(filePath: from))
            let transfer = LogTransfer(LogStore(configuration))
            let meter = TransferMeter(configuration.region)
            defer { meter.finish() }
            if let moment = at.flatMap(MomentText.microseconds) {
                let plan = try self.plan(series, moment)
                let summary = try await transfer.restore(from: plan, progress: meter.show)
                meter.finish()
                tell(
                    configuration.region, summary, MomentText.text(moment),
                    "The last change in it was written at "
                        + "\(MomentText.text(plan.lastChangeMicroseconds)).\n")
            } else {
                let chosen = try chosenPoint(series)
                let summary = try await transfer.restore(
                    from: series, number: chosen.number, progress: meter.show)
                meter.finish()
                tell(
                    configuration.region, summary, Format.time(chosen.takenAtMicroseconds), "")
            }
        }

        private func plan(_ series: BackupSeries, _ moment: Int64) throws -> MomentPlan {
            do {
                return try series.plan(at: moment)
            } catch let refusal as MomentRefusal {
                throw CommandFailure(
                    "\(MomentText.text(moment)) cannot be restored. \(refusal)",
                    hint: "List the backups with portolan region backups --from \(from).")
            }
        }

        private func chosenPoint(_ series: BackupSeries) throws -> BackupSeries.Point {
            let points = try series.points()
            let chosen = point.map { number in points.first { $0.number == number } } ?? points.last
            guard let chosen else {
                throw CommandFailure(
                    "There is no such backup in \(from).",
                    hint: "List them with portolan region backups --from \(from).")
            }
            return chosen
        }

        private func tell(
            _ region: String, _ summary: TransferSummary, _ moment: String, _ more: String
        ) {
            Console.print(
                "Restored \(region) as of \(moment): \(Format.count(summary.entries)) entries of "
                    + "\(summary.streams) streams, \(Format.count(summary.events)) events.\n"
                    + more
                    + "Start the coordinator: the Region writes again once it has compared itself "
                    + "with the others.")
        }
    }
}
