import Foundation
import Logging
import Testing

@testable import portolan

@Suite("Log lines")
struct LogLineTests {
    @Test("one event is one line, whatever it contains")
    func oneLine() {
        let line = LineLogHandler.line(
            time: Date(timeIntervalSince1970: 0), level: .info, label: "keys",
            message: "first\nsecond", facts: ["name": "a \"b\"\r\n", "count": "3"])
        #expect(line.hasSuffix("\n"))
        #expect(line.dropLast().allSatisfy { !$0.isNewline })
        #expect(line.contains("info keys: first\\nsecond count=3 name="))
        #expect(line.hasPrefix("1970-01-01T00:00:00.000Z info"))
    }
}
