import Testing

@testable import ServiceKit

@Suite("Names in the configuration")
struct NameTests {
    @Test(
        "what is no Region's name is refused",
        arguments: [
            "", "eu", "eu-1", "eu-central", "eu-central-", "eu-central-12", "-eu-central-1",
            "eu--central-1", "EU-central-1", "eu-central-1-", "a-b-c-d-1", "eu_central-1",
            "eu-central-1\n", "abcdefghijklmnopq-abcdefghijklmn-1",
        ])
    func noRegion(name: String) {
        #expect(!RegionConfiguration.isRegionName(name))
    }

    @Test("Regions' names are taken", arguments: ["eu-central-1", "us-gov-west-1", "ap-east-2"])
    func region(name: String) {
        #expect(RegionConfiguration.isRegionName(name))
    }

    @Test(
        "what is no trust domain is refused",
        arguments: [
            "", ".", "-a", "a.", "A.example", "a_b", "a b", String(repeating: "a", count: 201),
        ])
    func noTrustDomain(name: String) {
        #expect(!PKI.isTrustDomain(name))
    }

    @Test("trust domains are taken", arguments: ["a", "1", "portolan.example", "a-1.b"])
    func trustDomain(name: String) {
        #expect(PKI.isTrustDomain(name))
    }

    @Test("blanks around a text are taken off, and nothing else")
    func trimmed() {
        #expect(" \t a b\t".trimmed == "a b")
        #expect(" \t ".trimmed == "")
        #expect("".trimmed == "")
    }
}
