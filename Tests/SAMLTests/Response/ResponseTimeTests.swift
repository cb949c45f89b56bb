import Foundation
import SAML
import Testing

@Suite("Times of a response")
struct ResponseTimeTests {
    private let now = ResponseDraft.now

    private func reason(
        after seconds: TimeInterval, skew: Duration = .zero,
        expecting: ResponseValidator.Expectation = .answer(to: Fixtures.request),
        _ change: (inout ResponseDraft) -> Void = { _ in }
    ) throws -> Rejection.Reason? {
        var draft = ResponseDraft()
        change(&draft)
        return SAMLTests.reason(
            try draft.xml(), try Fixtures.validator(clockSkew: skew), expecting: expecting,
            now: now + seconds)
    }

    @Test("the end is exclusive, the start inclusive")
    func bounds() throws {
        #expect(try reason(after: 299.9) == nil)
        #expect(try reason(after: 300) == .expired)
        #expect(try reason(after: 0) == nil)
        #expect(try reason(after: -0.1) == .notYetValid)
    }

    @Test("the clock skew widens both ends, by 300 s at most")
    func skew() throws {
        #expect(try reason(after: 479, skew: .seconds(180)) == nil)
        #expect(try reason(after: 480, skew: .seconds(180)) == .expired)
        #expect(try reason(after: -180, skew: .seconds(180)) == nil)
        #expect(try reason(after: -181, skew: .seconds(180)) == .notYetValid)
        #expect(try reason(after: 599, skew: .seconds(86_400)) == nil)
        #expect(try reason(after: 600, skew: .seconds(86_400)) == .expired)
        #expect(try reason(after: 300, skew: .seconds(-1)) == .expired)
    }

    @Test("each time is checked for itself")
    func each() throws {
        let now = now
        #expect(try reason(after: 10) { $0.notOnOrAfter = now + 5 } == .expired)
        #expect(try reason(after: 10) { $0.confirmationEnd = now + 5 } == .expired)
        #expect(try reason(after: 10) { $0.notBefore = now + 15 } == .notYetValid)
        #expect(try reason(after: 10) { $0.confirmationStart = now + 15 } == .notYetValid)
        #expect(try reason(after: 10) { $0.issued = now + 15 } == .notYetValid)
        #expect(try reason(after: 10) { $0.assertionIssued = now + 15 } == .notYetValid)
        #expect(try reason(after: 10) { $0.authenticated = now + 15 } == .notYetValid)
        #expect(try reason(after: 10) { $0.sessionEnd = now + 10 } == .sessionEnded)
        #expect(try reason(after: 10) { $0.sessionEnd = now + 11 } == nil)
    }

    @Test("conditions without times are bounded by the confirmation, and all by one hour")
    func longLived() throws {
        let now = now
        let endless: (inout ResponseDraft) -> Void = {
            $0.notBefore = nil
            $0.notOnOrAfter = nil
            $0.confirmationEnd = now + 864_000
        }
        #expect(try reason(after: 3599, endless) == nil)
        #expect(try reason(after: 3600, endless) == .expired)
    }

    @Test("a fresh authentication is demanded when asked for")
    func fresh() throws {
        let demand = ResponseValidator.Expectation.answer(
            to: Fixtures.request, authenticatedSince: now - 30)
        #expect(try reason(after: 0, expecting: demand) == .authenticationTooOld)
        let now = now
        #expect(try reason(after: 0, expecting: demand) { $0.authenticated = now - 30 } == nil)
    }

    @Test("times in other zones, without zone or that do not exist are refused")
    func unreadable() throws {
        for text in [
            "2026-02-03T10:00:00", "2026-02-03T10:00:00+01:00", "2026-02-30T10:00:00Z",
            "2026-02-03T24:00:00Z", "2026-2-3T10:00:00Z", "2026-02-03 10:00:00Z", "now",
            "2026-02-03T10:00:00.Z", "20260203T100000Z00000", "-026-02-03T10:00:00Z",
        ] {
            #expect(SAMLTime.parse(text) == nil, "\(text)")
        }
        #expect(
            SAMLTime.parse("2024-02-29T23:59:59.250Z")?.timeIntervalSince1970 == 1_709_251_199.25)
    }

    @Test("each day of 400 years is written and read back")
    func calendar() {
        for day in stride(from: 0, to: 146_097, by: 13) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 3_723)
            #expect(SAMLTime.parse(SAMLTime.format(date)) == date)
        }
        #expect(SAMLTime.format(Date(timeIntervalSince1970: 951_827_696)) == "2000-02-29T12:34:56Z")
    }
}
