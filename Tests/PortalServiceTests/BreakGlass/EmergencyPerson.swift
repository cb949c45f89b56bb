import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import SwiftProtobuf
import Testing
import WebAuthn
import WebAuthnTesting

@testable import PortalService

/// Somebody who is set up for emergencies, in front of a browser with a security key.
struct EmergencyPerson {
    static let secret = String(repeating: "ab", count: 32)
    static let rpID = "portolan.test"

    let portal: TestPortal
    let key: SoftwareKey
    let userID: String
    var name = "ada.breakglass"
    var origin = TestPortal.url
    var rpID = EmergencyPerson.rpID

    /// Sets "ada.breakglass" up with one key, enrolled by the operator "alice".
    static func prepared(
        _ portal: TestPortal, name: String = "ada.breakglass", key: SoftwareKey = SoftwareKey(),
        maxSeconds: UInt32 = 7_200, operatorName: String = ""
    ) async throws -> EmergencyPerson {
        var user = PortalBreakGlassUser()
        user.name = name
        user.displayName = "Ada Example"
        user.operatorName = operatorName
        user.maxGrantSeconds = maxSeconds
        user.roles = [
            .with {
                $0.accountID = TestPortal.accountID
                $0.permissionSetName = "Admin"
            }
        ]
        let desk = portal.features.breakGlass
        let made = try await desk.create(user, enrolments: 1, issuedBy: "alice") { _ in .init() }
        let code = try #require(made.enrolments.first?.url.split(separator: "#").last)
        let challenge = Base64URL.encode([UInt8](repeating: 9, count: 32))
        let registration = key.register(
            challenge: challenge, origin: TestPortal.url, rpID: Self.rpID)
        let registered = try UnverifiedRegistration(
            clientDataJSON: registration.clientDataJSON,
            authenticatorData: registration.authenticatorData
        ).verified(
            for: RelyingParty(id: Self.rpID, origin: TestPortal.url), challenge: challenge)
        try await desk.add(registered, rpID: Self.rpID, code: String(code)) { _, _ in .init() }
        return EmergencyPerson(
            portal: portal, key: key, userID: made.user.userID, name: name)
    }

    struct Answer: Sendable {
        let status: HTTPResponse.Status
        let headers: HTTPFields
        let page: String

        /// The value of the session's cookie.
        var session: String? {
            headers[values: .setCookie].first { $0.hasPrefix(PortalCookie.session) }
                .flatMap { $0.split(separator: ";").first?.split(separator: "=").last }
                .map(String.init)
        }

        /// What stands between a text and the next quote.
        func value(after text: String) -> String? {
            page.range(of: text).map { String(page[$0.upperBound...].prefix { $0 != "\"" }) }
        }
    }

    static func headers(secret: String = secret, origin: String = TestPortal.url) -> HTTPFields {
        [
            .cookie: "\(PortalCookie.securityKey)=\(secret)", .origin: origin,
            .contentType: "application/x-www-form-urlencoded",
        ]
    }

    func post(
        _ path: String, _ fields: [String: String], headers: HTTPFields = headers()
    ) async throws -> Answer {
        let answer = SharedValue<Answer?>(nil)
        try await portal.run { client in
            try await client.execute(
                uri: path, method: .post, headers: headers, body: TestPortal.form(fields)
            ) { response in
                answer.value = Answer(
                    status: response.status, headers: response.headers,
                    page: String(buffer: response.body))
            }
        }
        return try #require(answer.value)
    }

    func get(_ path: String, session: String? = nil) async throws -> Answer {
        let answer = SharedValue<Answer?>(nil)
        let headers = session.map(TestPortal.cookie) ?? [:]
        try await portal.run { client in
            try await client.execute(uri: path, method: .get, headers: headers) { response in
                answer.value = Answer(
                    status: response.status, headers: response.headers,
                    page: String(buffer: response.body))
            }
        }
        return try #require(answer.value)
    }

    /// The page that asks for the key. Time goes on first, so that nobody is told to wait.
    func ask(minutes: Int = 60, waiting seconds: Double = 10) async throws -> Answer {
        portal.now.addTimeInterval(seconds)
        return try await post(
            "/break-glass",
            ["user": name, "reason": "The identity provider is down", "minutes": String(minutes)])
    }

    /// The key's answer to such a page, as form fields.
    func fields(_ page: Answer, type: String = "webauthn.get") throws -> [String: String] {
        let made = try key.assert(
            challenge: try #require(page.value(after: "data-challenge=\"")), origin: origin,
            rpID: rpID, type: type)
        return [
            "handle": try #require(page.value(after: "name=\"handle\" value=\"")),
            "credential": Base64URL.encode(key.credentialID),
            "client_data": Base64URL.encode(made.clientDataJSON),
            "authenticator_data": Base64URL.encode(made.authenticatorData),
            "signature": Base64URL.encode(made.signature),
        ]
    }

    /// Asks and answers.
    func signIn(minutes: Int = 60, waiting seconds: Double = 10) async throws -> Answer {
        let page = try await ask(minutes: minutes, waiting: seconds)
        return try await post("/break-glass/open", try fields(page))
    }

    /// A session of this person.
    func session(minutes: Int = 60) async throws -> String {
        try #require(try await signIn(minutes: minutes).session)
    }

    /// The only grant.
    func grant() throws -> PortalBreakGlassGrant {
        try #require(try portal.features.grants.list().first)
    }
}
