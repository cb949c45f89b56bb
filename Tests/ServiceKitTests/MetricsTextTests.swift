import Testing

@testable import ServiceKit

@Suite("Metrics text")
struct MetricsTextTests {
    @Test("labels are escaped and whole numbers written as such")
    func escaped() {
        var text = MetricsText()
        text.family("portolan_test", "gauge", "A test.")
        text.sample("portolan_test", [("name", "a\"b\\c\nd")], 3)
        text.sample("portolan_test", [], 0.25)
        #expect(
            text.text == """
                # HELP portolan_test A test.
                # TYPE portolan_test gauge
                portolan_test{name="a\\"b\\\\c\\nd"} 3
                portolan_test 0.25

                """)
    }
}
