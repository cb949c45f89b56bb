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

    @Test("figures of one name become one family with the samples of all")
    func merged() {
        func figure(_ name: String, _ domain: String) -> ServiceFigure {
            ServiceFigure(
                name: name, type: "counter", help: "A test.",
                samples: [.init(labels: [("domain", domain)], value: 1)])
        }
        let merged = [
            figure("one", "a"), figure("two", "a"), figure("one", "b"), figure("two", "b"),
        ].merged
        #expect(merged.map(\.name) == ["one", "two"])
        for figure in merged {
            #expect(figure.samples.map { $0.labels[0].1 } == ["a", "b"])
        }
    }
}
