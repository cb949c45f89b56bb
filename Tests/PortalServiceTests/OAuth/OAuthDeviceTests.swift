import Contracts
import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import Testing

@testable import PortalService

@Suite("Sign-in of devices, and its limits")
struct OAuthDeviceTests {
    typealias Answer = OAuthProgram.Answer
    let program = OAuthProgram()

    @Test("a device waits, is told when it asks too often, and gets its tokens once")
    func device() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await program.register(client, device: true)
            let start = try await program.begin(client, id)
            #expect(
                try await program.poll(client, id, start).type == "AuthorizationPendingException")
            let hasty = try await program.poll(client, id, start)
            #expect(hasty.type == "SlowDownException")
            #expect(hasty.body["error"] as? String == "slow_down")
            portal.now += 1
            #expect(
                try await program.poll(client, id, start).type == "AuthorizationPendingException")
            try await program.decide(
                client, session, start.userCode.lowercased(), "allow", "is signed in")
            portal.now += 1
            let answer = try await program.poll(client, id, start)
            #expect(answer.status == .ok)
            let access = try #require(answer.body["accessToken"] as? String)
            #expect(try await program.accounts(client, access) == .ok)
            #expect(try await program.poll(client, id, start).type == "InvalidGrantException")
            // Nothing is waiting any more.
            try await program.decide(
                client, session, start.userCode, "allow", "not waiting for anybody")
        }
    }

    @Test("a device that is refused, or that nobody answers in ten minutes, is told")
    func deviceEnds() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await program.register(client, device: true)
            let refused = try await program.begin(client, id)
            try await program.decide(
                client, session, refused.userCode, "deny", "Nothing was allowed")
            #expect(try await program.poll(client, id, refused).type == "AccessDeniedException")
            let late = try await program.begin(client, id)
            let foreign = try await program.register(client, device: true)
            #expect(try await program.poll(client, foreign, late).type == "InvalidGrantException")
            portal.now += 601
            #expect(try await program.poll(client, id, late).type == "ExpiredTokenException")
        }
    }

    @Test("without scopes there is no refresh token, and the access token lasts as the session")
    func legacyDevice() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken(seconds: 7_200)
        try await portal.run { client in
            let id = try await program.register(client, device: true, scopes: false)
            let start = try await program.begin(client, id)
            try await program.decide(client, session, start.userCode, "allow", "is signed in")
            let answer = try await program.poll(client, id, start)
            #expect(answer.body["refreshToken"] == nil)
            #expect(answer.body["expiresIn"] as? Int == 7_200)
        }
    }

    @Test("a client uses what it has registered and nothing else")
    func grants() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let own = try await program.register(client)
            let device = try await program.post(
                client, "/device_authorization",
                own.merging(["startUrl": TestPortal.url]) { $1 })
            #expect(device.type == "UnauthorizedClientException")
            let other = try await program.register(client, device: true, scopes: false)
            for grant in ["authorization_code", "refresh_token"] {
                let answer = try await program.post(
                    client, "/token", other.merging(["grantType": grant]) { $1 })
                #expect(answer.type == "UnauthorizedClientException")
            }
            _ = session
        }
    }

    @Test("every decision of a person is in the trail, and without that nothing is allowed")
    func decisions() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await program.register(client, device: true)
            let first = try await program.begin(client, id)
            try await program.decide(client, session, first.userCode, "deny", "Nothing was allowed")
            let second = try await program.begin(client, id)
            portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
            try await program.decide(client, session, second.userCode, "allow", "does not answer")
            portal.trail.fail(with: nil)
            #expect(
                try await program.poll(client, id, second).type == "AuthorizationPendingException")
            try await program.decide(client, session, second.userCode, "allow", "is signed in")
            // What cannot be recorded is not given, and can be asked for again.
            portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
            portal.now += 1
            #expect(try await program.poll(client, id, second).type == "InternalServerException")
            portal.trail.fail(with: nil)
            #expect(try await program.poll(client, id, second).status == .ok)
        }
        let decisions = portal.trail.events.filter { $0.eventName == "AuthorizeClient" }
        #expect(
            decisions.map { $0.requestParametersJson.contains(#""decision":"allow""#) } == [
                false, true,
            ])
        #expect(decisions.allSatisfy { $0.actor.userName == "alix@example.com" })
    }

    @Test("so many devices wait for one client, and no more")
    func waiting() async throws {
        let portal = try TestPortal()
        try await portal.run { client in
            let id = try await program.register(client, device: true)
            var last: Answer?
            for _ in 0..<51 {
                portal.now += 1
                last = try await program.post(
                    client, "/device_authorization", id.merging(["startUrl": TestPortal.url]) { $1 }
                )
            }
            #expect(last?.type == "SlowDownException")
        }
        #expect(Network.of("2001:db8:1:2:3::4") == Network.of("2001:db8:1:2::9"))
        #expect(Network.of("2001:db8:1:2::1") != Network.of("2001:db8:1:3::1"))
        #expect(Network.of("::ffff:10.0.0.1") != Network.of("::ffff:10.0.0.2"))
        #expect(Network.of("10.0.0.1") != Network.of("10.0.0.2"))
    }

    @Test("registrations of one address are limited")
    func limits() async throws {
        try await TestPortal().run { client in
            var last = Answer(status: .ok, type: nil, body: [:])
            for _ in 0..<21 {
                last = try await program.post(client, "/client/register", program.registration())
            }
            #expect(last.type == "SlowDownException")
        }
    }
}
