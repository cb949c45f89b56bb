import ArgumentParser
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension RegionCommand {
    struct Unreplicated: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a former primary had acknowledged and nobody else had received.",
            discussion: "Asked of the Region that was the primary: --region.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "Print the reports.") var report = false

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.listUnreplicated(
                    CoordinatorListUnreplicatedRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                if report {
                    return Console.print(answer.exports.map(\.report).joined(separator: "\n\n"))
                }
                var table = Table(
                    [
                        .text("Epoch"), .number("Entries"), .text("From"), .text("To"),
                        .text("Exported"), .wide("File"),
                    ], whenEmpty: "Nothing was left over in \(session.region).")
                for export in answer.exports {
                    table.add([
                        "\(export.ended.epoch)", Format.count(export.entries),
                        Format.count(export.fork.sequence + 1), Format.count(export.last.sequence),
                        Format.time(export.exportedAtUs), export.path,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Reapply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply again what still makes sense of an export.",
            discussion: """
                Every record is compared with the present state. One whose key has been changed since \
                is left alone and named. Exit code 1 when something was not applied.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(
            help: "The export of the former primary.", completion: .file(extensions: ["jsonl"]))
        var file: String
        @Flag(help: "Say what would become of each record, and write nothing.") var dryRun = false

        func run() async throws {
            let export = try UnreplicatedExport(path: file)
            try await client.connected { session in
                let outcomes = try await ReapplyRun(
                    export: export, session: session, isDryRun: dryRun
                ).run()
                if client.json {
                    var answer = CoordinatorReapplySettingsResponse()
                    answer.outcomes = outcomes
                    try JSONOutput.print(answer)
                } else {
                    show(outcomes)
                }
                let isLeft = outcomes.contains { $0.result == .conflict || $0.result == .refused }
                if isLeft, !dryRun { throw ExitCode(1) }
            }
        }

        private func show(_ outcomes: [StateReapplyOutcome]) {
            var table = Table(
                [.text("Result"), .wide("Record"), .wide("Why")],
                whenEmpty: "The export holds nothing.")
            for outcome in outcomes {
                table.add([
                    Self.name(outcome.result, dryRun),
                    outcome.subject.isEmpty ? "\(outcome.domain) \(outcome.key)" : outcome.subject,
                    outcome.explanation,
                ])
            }
            Console.print(table.render(.output))
            let counts = Dictionary(grouping: outcomes, by: \.result).mapValues(\.count)
            Console.print(
                [.applied, .same, .conflict, .refused].compactMap { result in
                    counts[result].map { "\($0) \(Self.name(result, dryRun))" }
                }.joined(separator: ", "))
        }

        private static func name(_ result: StateReapplyOutcome.Result, _ isDryRun: Bool) -> String {
            switch result {
            case .applied: isDryRun ? "would be applied" : "applied"
            case .same: "there already"
            case .conflict: "changed since"
            default: "not applied"
            }
        }
    }
}

/// Sends the records of an export to the services that own them, in the order of the log.
struct ReapplyRun {
    private static let recordsMax = 500

    let export: UnreplicatedExport
    let session: RegionSession
    let isDryRun: Bool

    func run() async throws -> [StateReapplyOutcome] {
        var outcomes: [StateReapplyOutcome] = []
        for domain in ["instance", "directory", "permission"] {
            let records = export.newest(of: domain)
            let keys = records.filter { $0.key.hasPrefix("data-key/") }
            let rest = records.filter { !$0.key.hasPrefix("data-key/") }
            for start in stride(from: 0, to: rest.count, by: Self.recordsMax - keys.count) {
                let part =
                    keys + rest[start..<min(start + Self.recordsMax - keys.count, rest.count)]
                outcomes += try await send(part, domain)
            }
        }
        for record in export.lost {
            outcomes.append(refused(record, "", "It was damaged on the former primary's disk."))
        }
        // A token's secret was shown once and is gone; whoever needs one makes a new one.
        for record in export.newest(of: "scim-token") where !record.key.hasPrefix("data-key/") {
            outcomes.append(
                refused(record, "SCIM token", "Make a new token: portolan scim-token create."))
        }
        for record in export.newest(of: "break-glass") where !record.key.hasPrefix("data-key/") {
            outcomes.append(
                refused(
                    record, "break-glass user", "Look and repeat it: portolan break-glass list."))
        }
        return outcomes
    }

    private func refused(
        _ record: StateUnreplicatedRecord, _ subject: String, _ explanation: String
    ) -> StateReapplyOutcome {
        .with {
            $0.domain = record.domain
            $0.key = record.key
            $0.result = .refused
            $0.subject = subject
            $0.explanation = explanation
        }
    }

    private func send(
        _ records: [StateUnreplicatedRecord], _ domain: String
    ) async throws -> [StateReapplyOutcome] {
        let options = CallOptions(timeout: .seconds(120))
        switch domain {
        case "instance":
            var request = CoordinatorReapplySettingsRequest()
            (request.records, request.dryRun) = (records, isDryRun)
            return try await session.instance.reapplySettings(request, options: options).outcomes
        case "directory":
            var request = DirectoryReapplyRecordsRequest()
            (request.records, request.dryRun) = (records, isDryRun)
            return try await session.directory.reapplyRecords(request, options: options).outcomes
        default:
            var request = PermissionReapplyRecordsRequest()
            (request.records, request.dryRun) = (records, isDryRun)
            return try await session.permissions.reapplyRecords(request, options: options).outcomes
        }
    }
}

/// An export, read: the newest state of every key and the version that it began with.
struct UnreplicatedExport {
    private static let bytesMax = 512 << 20

    private struct Line: Decodable {
        var domain: String
        var key: String
        var version: UInt64
        var tombstone: Bool
        var value: Data?
        var damaged: Bool?
    }

    private struct Header: Decodable {
        var format: String
    }

    private var records: [String: [StateUnreplicatedRecord]] = [:]
    /// Records that were damaged on the former primary's disk and that nothing vouches for.
    private(set) var lost: [StateUnreplicatedRecord] = []
    /// The version that a key had before its first change, by domain and key.
    private var bases: [String: UInt64] = [:]

    /// Throws `CommandFailure` when the file is no export.
    init(path: String) throws {
        let text = try InputFile.text(path, bytesMax: Self.bytesMax)
        let lines = text.split(separator: "\n")
        let decoder = JSONDecoder()
        guard let first = lines.first,
            let header = try? decoder.decode(Header.self, from: Data(first.utf8)),
            header.format == "portolan-unreplicated/1"
        else {
            throw CommandFailure(
                "\(path) is not an export of unreplicated entries.",
                hint: "Find it with portolan region unreplicated --region <former primary>.",
                exitCode: 2)
        }
        for (number, text) in lines.enumerated().dropFirst() {
            guard let line = try? decoder.decode(Line.self, from: Data(text.utf8)) else {
                throw CommandFailure("Line \(number + 1) of \(path) cannot be read.", exitCode: 2)
            }
            take(line)
        }
    }

    /// Records of a domain in the order in which their keys were first changed.
    func newest(of domain: String) -> [StateUnreplicatedRecord] { records[domain] ?? [] }

    private mutating func take(_ line: Line) {
        var record = StateUnreplicatedRecord()
        record.domain = line.domain
        record.key = line.key
        record.version = line.version
        record.baseVersion = line.version - min(line.version, 1)
        record.tombstone = line.tombstone
        record.value = line.value ?? Data()
        let index = records[line.domain]?.firstIndex { $0.key == line.key }
        // Whose base is known keeps it, also when what comes between is damaged.
        let name = "\(line.domain) \(line.key)"
        record.baseVersion = bases[name] ?? record.baseVersion
        if line.damaged != true { bases[name] = record.baseVersion }
        lost.removeAll { $0.domain == line.domain && $0.key == line.key }
        // A sealed value that opens is what was written there, whatever else was spoiled.
        if line.damaged == true, line.tombstone || !Self.isSealed(record) {
            lost.append(record)
            if let index { records[line.domain]?.remove(at: index) }
        } else if let index {
            records[line.domain]?[index] = record
        } else {
            records[line.domain, default: []].append(record)
        }
    }

    /// Whether whoever applies it can tell that it is what was written.
    private static func isSealed(_ record: StateUnreplicatedRecord) -> Bool {
        record.domain != "instance" && !record.key.hasPrefix("data-key/")
    }
}
