import Contracts
import Foundation
import Testing

@testable import portolan

@Suite("Exports of a former primary, read")
struct UnreplicatedExportTests {
    private static let header = #"{"format":"portolan-unreplicated/1"}"#

    private func line(
        _ key: String, _ version: UInt64, domain: String = "directory", value: String? = "dg==",
        damaged: Bool = false
    ) -> String {
        let value = value.map { #","value":"\#($0)""# } ?? ""
        return #"{"domain":"\#(domain)","key":"\#(key)","version":\#(version),"tombstone":"#
            + "\(value.isEmpty)\(value)\(damaged ? #","damaged":true"# : "")}"
    }

    private func read(_ lines: [String]) throws -> UnreplicatedExport {
        let path = NSTemporaryDirectory() + "portolan-export-\(UUID().uuidString).jsonl"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(([Self.header] + lines).joined(separator: "\n").utf8)
            .write(to: URL(fileURLWithPath: path))
        return try UnreplicatedExport(path: path)
    }

    @Test("of each key the newest state counts, against the version before the first")
    func newest() throws {
        let export = try read([line("a", 3), line("b", 1), line("a", 4), line("a", 5, value: nil)])
        let records = export.newest(of: "directory")
        #expect(records.map(\.key) == ["a", "b"])
        #expect(records.map(\.version) == [5, 1])
        #expect(records.map(\.baseVersion) == [2, 0])
        #expect(records.map(\.tombstone) == [true, false])
        #expect(export.lost.isEmpty)
    }

    @Test("a damaged entry with a sealed value is tried; what nothing vouches for is not")
    func damaged() throws {
        let export = try read([
            line("a", 2), line("a", 3, damaged: true), line("b", 2),
            line("b", 3, value: nil, damaged: true),
            line("instance", 4, domain: "instance", damaged: true),
            line("data-key/1", 1, damaged: true),
        ])
        #expect(export.newest(of: "directory").map(\.key) == ["a"])
        #expect(export.newest(of: "directory").map(\.baseVersion) == [1])
        #expect(export.newest(of: "instance").isEmpty)
        #expect(export.lost.map(\.key) == ["b", "instance", "data-key/1"])
    }

    @Test("a whole state that came after a damaged one is what counts")
    func replaced() throws {
        let export = try read([
            line("a", 2), line("a", 3, value: nil, damaged: true), line("a", 4),
        ])
        #expect(export.newest(of: "directory").map(\.version) == [4])
        #expect(export.newest(of: "directory").map(\.baseVersion) == [1])
        #expect(export.lost.isEmpty)
    }

    @Test(
        "a file that is no export is refused",
        arguments: ["", "{}", "{\"format\":\"portolan-unreplicated/2\"}", "text"])
    func noExport(_ first: String) throws {
        let path = NSTemporaryDirectory() + "portolan-export-\(UUID().uuidString).jsonl"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(first.utf8).write(to: URL(fileURLWithPath: path))
        let failure = #expect(throws: CommandFailure.self) { try UnreplicatedExport(path: path) }
        #expect(failure?.exitCode == 2)
    }
}
