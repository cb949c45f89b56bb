import Foundation
import SAML
import Testing
import XMLSignature

@Suite("Certificates that are read once")
struct TrustedCertificatesTests {
    private func reason(
        _ trusted: TrustedCertificates, _ names: [String]
    ) throws -> Rejection.Reason? {
        let encoded = try names.map { Data(try Fixtures.bytes("\($0).cert.der")) }
        let validator = ResponseValidator(
            identityProvider: Fixtures.identityProvider, certificates: trusted.read(encoded),
            audience: Fixtures.serviceProvider, assertionConsumerServiceURL: Fixtures.consumer)
        return SAMLTests.reason(try ResponseDraft().xml(), validator)
    }

    @Test("one that is no longer configured is not trusted any more, whatever was read before")
    func changes() throws {
        let trusted = TrustedCertificates()
        #expect(try reason(trusted, []) == .signatureInvalid)
        for _ in 0..<2 {
            #expect(try reason(trusted, ["idp"]) == nil)
            #expect(try reason(trusted, ["idp"]) == nil)
            #expect(try reason(trusted, ["stranger"]) == .signatureInvalid)
            #expect(try reason(trusted, ["stranger", "idp"]) == nil)
            #expect(try reason(trusted, []) == .signatureInvalid)
        }
    }

    @Test("those that cannot be used are left out")
    func unusable() throws {
        let trusted = TrustedCertificates()
        let weak = Data(try Fixtures.bytes("weak.cert.der"))
        let good = Data(try Fixtures.bytes("idp.cert.der"))
        #expect(trusted.read([weak, Data(), Data([1, 2, 3])]).isEmpty)
        #expect(trusted.read([weak, good]).map(\.der) == [Array(good)])
    }

    @Test("many at a time read what each has asked for")
    func concurrent() async throws {
        let trusted = TrustedCertificates()
        let lists = try ["idp", "stranger", "elliptic"].map {
            [Data(try Fixtures.bytes("\($0).cert.der"))]
        }
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let list = lists[number % lists.count]
                    return trusted.read(list).map { Data($0.der) } == list
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
