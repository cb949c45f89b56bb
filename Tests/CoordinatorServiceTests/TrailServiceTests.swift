import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Trail service")
struct TrailServiceTests {
    private func event(_ name: String) -> TrailEvent {
        .with {
            $0.eventName = name
            $0.eventSource = "sso.amazonaws.com"
            $0.eventType = "AwsServiceEvent"
            $0.actor.type = "IdentityCenterUser"
            $0.actor.onBehalfOfUserID = "user-1"
            $0.actor.identityStoreArn = "arn:aws:identitystore::111122223333:identitystore/d-1"
            $0.serviceEventDetailsJson = #"{"account_id":"123456789012"}"#
            $0.eventTimeUs = 1_770_114_030_999_999
        }
    }

    @Test("records have the shape of CloudTrail's")
    func shape() async throws {
        let world = try await World([World.primary])
        let client = try world.trail()
        let id = try await client.record(.with { $0.events = [event("Authenticate")] }).eventIds[0]
        let recorded = try #require(try await client.lookUp(.init()).events.first)
        #expect(recorded.eventID == id)
        let object = try JSONSerialization.jsonObject(with: Data(recorded.cloudtrailJson.utf8))
        let record = try #require(object as? [String: Any])
        #expect(record["eventTime"] as? String == "2026-02-03T10:20:30Z")
        #expect(record["awsRegion"] as? String == World.primary)
        #expect(record["eventType"] as? String == "AwsServiceEvent")
        #expect(record["requestParameters"] is NSNull)
        #expect(record["recipientAccountId"] as? String == FakeKeys.account)
        let identity = try #require(record["userIdentity"] as? [String: Any])
        #expect((identity["onBehalfOf"] as? [String: Any])?["userId"] as? String == "user-1")
        let details = try #require(record["serviceEventDetails"] as? [String: Any])
        #expect(details["account_id"] as? String == "123456789012")
        await world.end()
    }

    @Test("an assumed role is recorded with its session and the role behind it")
    func assumedRole() async throws {
        let world = try await World([World.primary])
        let client = try world.trail()
        var used = event("CreateKey")
        used.actor.type = "AssumedRole"
        used.actor.principalID = "AROAEXAMPLE:ada@example.com"
        used.actor.accountID = "210000000001"
        used.actor.arn = "arn:aws:sts::210000000001:assumed-role/Admin/ada@example.com"
        used.actor.accessKeyID = "ASIAEXAMPLE"
        used.actor.sessionIssuerArn = "arn:aws:iam::210000000001:role/aws-reserved/Admin"
        used.actor.sessionCreatedAtUs = 1_770_114_030_000_000
        _ = try await client.record(.with { $0.events = [used] })
        let recorded = try #require(try await client.lookUp(.init()).events.first)
        let object = try JSONSerialization.jsonObject(with: Data(recorded.cloudtrailJson.utf8))
        let record = try #require(object as? [String: Any])
        let identity = try #require(record["userIdentity"] as? [String: Any])
        #expect(identity["arn"] as? String == used.actor.arn)
        #expect(identity["accessKeyId"] as? String == "ASIAEXAMPLE")
        let context = try #require(identity["sessionContext"] as? [String: Any])
        let issuer = try #require(context["sessionIssuer"] as? [String: Any])
        #expect(issuer["userName"] as? String == "Admin")
        #expect(issuer["principalId"] as? String == "AROAEXAMPLE")
        let attributes = context["attributes"] as? [String: Any]
        #expect(attributes?["creationDate"] as? String == "2026-02-03T10:20:30Z")
        await world.end()
    }

    @Test("what a service sends cannot break out of the record")
    func injection() async throws {
        let world = try await World([World.primary])
        var nasty = event("Quote\"},{\"eventName\":\"Forged")
        nasty.requestParametersJson = #"{"a":1},"eventName":"Forged""#
        nasty.actor.userAgent = "line\nbreak\u{0}\u{2028}"
        let client = try world.trail()
        _ = try await client.record(.with { $0.events = [nasty] })
        let recorded = try #require(try await client.lookUp(.init()).events.first)
        #expect(!recorded.cloudtrailJson.contains("\n"))
        let object = try JSONSerialization.jsonObject(with: Data(recorded.cloudtrailJson.utf8))
        let record = try #require(object as? [String: Any])
        #expect(record["eventName"] as? String == nasty.eventName)
        #expect(record["requestParameters"] as? String == nasty.requestParametersJson)
        await world.end()
    }

    @Test("too many events, nameless ones and questions that do not fit are refused")
    func refused() async throws {
        let world = try await World([World.primary])
        let client = try world.trail()
        for events in [[], Array(repeating: event("E"), count: 101), [event("")]] {
            let error = await refusal { _ = try await client.record(.with { $0.events = events }) }
            #expect(error?.reason == "INVALID_EVENTS")
        }
        let wrong: [(TrailLookUpRequest, String)] = [
            (.with { $0.attributeName = "Colour" }, "InvalidLookupAttributesException"),
            (.with { $0.pageSize = 1_001 }, "InvalidMaxResultsException"),
            (.with { $0.pageToken = "x" }, "InvalidNextTokenException"),
            (
                .with {
                    $0.startTimeUs = 2
                    $0.endTimeUs = 1
                }, "InvalidTimeRangeException"
            ),
        ]
        for (request, reason) in wrong {
            let error = await refusal { _ = try await client.lookUp(request) }
            #expect(error?.reason == reason)
        }
        await world.end()
    }

    @Test("pages lead through all events once, and a token of another question is refused")
    func pages() async throws {
        let world = try await World([World.primary])
        let client = try world.trail()
        for index in 0..<7 {
            _ = try await client.record(.with { $0.events = [event("E\(index)")] })
        }
        var seen: [String] = []
        var token = ""
        repeat {
            let page = try await client.lookUp(
                .with {
                    $0.pageSize = 3
                    $0.pageToken = token
                })
            seen += page.events.map(\.event.eventName)
            token = page.nextPageToken
            if seen.count == 3 {
                let error = await refusal {
                    _ = try await client.lookUp(
                        .with {
                            $0.attributeName = "EventName"
                            $0.attributeValue = "E1"
                            $0.pageToken = token
                        })
                }
                #expect(error?.reason == "InvalidNextTokenException")
            }
        } while !token.isEmpty
        #expect(seen == (0..<7).reversed().map { "E\($0)" })
        await world.end()
    }

    @Test("the export is complete and in order, and the chain verifies after a restart")
    func export() async throws {
        let world = try await World([World.primary])
        for start in stride(from: 0, to: 500, by: 100) {
            let events = (start..<start + 100).map { event("E\($0)") }
            _ = try await world.trail().record(.with { $0.events = events })
        }
        await world.stop(World.primary)
        try await world.start(World.primary)
        let client = try world.trail()
        var sequences: [UInt64] = []
        for try await part in try await client.export(.with { $0.afterSequence = 100 }) {
            sequences += part.events.map(\.sequence)
        }
        #expect(sequences == Array(101...500))
        let verdict = try await client.verify(.init())
        #expect(verdict.intact)
        #expect(verdict.events == 500)
        await world.end()
    }
}
