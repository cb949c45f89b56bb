import Foundation
import ServiceKit
import Testing

@Suite("Times as text")
struct UTCTimeTests {
    @Test("times are what Foundation's calendar says, before 1970 and in leap years too")
    func texts() {
        for seconds in [0, -1, 951_782_400, 1_790_000_000, 4_107_542_399, -2_208_988_800] {
            let date = Date(timeIntervalSince1970: Double(seconds))
            #expect(UTCTime.text(Int64(seconds) * 1_000_000) == date.formatted(.iso8601))
        }
    }

    @Test("milliseconds are cut, not rounded, and stay within their second")
    func milliseconds() {
        #expect(UTCTime.precise(999_999) == "1970-01-01T00:00:00.999Z")
        #expect(UTCTime.precise(-1) == "1969-12-31T23:59:59.999Z")
        #expect(UTCTime.text(-1) == "1969-12-31T23:59:59Z")
    }
}
