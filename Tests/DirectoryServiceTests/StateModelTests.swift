import Contracts
import RPC
import ReplicatedState
import SwiftProtobuf
import Testing

@testable import DirectoryService

/// The compact state against dictionaries that hold the same, over random changes.
@Suite("The state in memory", .timeLimit(.minutes(2)))
struct StateModelTests {
    @Test(
        "it agrees with a plain model after every kind of change", arguments: [1, 2] as [UInt64])
    func agrees(seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        var model = DirectoryModel()
        let state = DirectoryState()
        for step in 0..<1_500 {
            for change in try model.change(&random) { state.apply(change) }
            if step % 500 == 0 { try model.check(state) }
            if step % 50 == 0 { await Task.yield() }
        }
        try model.check(state)
        #expect(state.unreadable == 0)
    }

    @Test(
        "a compacted log gives the same state in any order of its keys",
        arguments: [4] as [UInt64])
    func anyOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        var model = DirectoryModel()
        for _ in 0..<1_000 { _ = try model.change(&random) }
        let state = DirectoryState()
        for change in try model.liveChanges().shuffled(using: &random) { state.apply(change) }
        try model.check(state)
    }

    @Test(
        "a snapshot taken while everything changes, and the changes since, give the same state",
        arguments: [5, 6, 7] as [UInt64])
    func snapshot(seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        var model = DirectoryModel()
        let state = DirectoryState()
        for _ in 0..<1_000 { for change in try model.change(&random) { state.apply(change) } }
        var since: [DomainChange] = []
        var parts: [SnapshotPart] = []
        var place: Int? = 0
        while let next = place {
            var part = SnapshotPart()
            place = state.copy(from: next, into: &part)
            if !part.bytes.isEmpty || next % 16 == 0 {
                for change in try model.change(&random) {
                    state.apply(change)
                    since.append(change)
                }
            }
            parts.append(part)
        }
        let restored = DirectoryState()
        for part in parts {
            #expect(part.bytes.withUnsafeBytes { restored.restore(SnapshotPartReader($0)) })
        }
        #expect(!since.isEmpty)
        for change in since { restored.apply(change) }
        try model.check(restored)
        for change in since + (try model.liveChanges()) {
            guard case .member(let group, let user) = DirectoryKey(change.key) else { continue }
            #expect(
                restored.nextMembershipVersion(group: group, user: user)
                    == state.nextMembershipVersion(group: group, user: user))
        }
    }

    @Test("bytes that no state has written are not taken over")
    func foreignSnapshot() throws {
        let state = DirectoryState()
        state.apply(
            .test("user/\(Identifier.new().text)", try DirectoryUser.named("a").recordBytes))
        var whole = SnapshotPart()
        var place: Int? = 0
        while let next = place { place = state.copy(from: next, into: &whole) }
        // One byte and nine numbers say how much there is.
        for count in 1..<whole.bytes.count where count != 37 {
            whole.bytes.withUnsafeBytes { bytes in
                let cut = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                #expect(!DirectoryState().restore(SnapshotPartReader(cut)))
            }
        }
        #expect([9].withUnsafeBytes { !DirectoryState().restore(SnapshotPartReader($0)) })
    }

    @Test("entries that are not of this domain are counted and left out")
    func unreadable() {
        let state = DirectoryState()
        let id = Identifier.new().text
        for (key, value) in [
            ("user/x", [1]), ("nothing/\(id)", [1]), ("user/\(id)", [0xff]), ("member/\(id)", [1]),
            ("member/\(id)/\(id)", [0x0a, 0x01, 0x41]), ("group/\(id)", []), ("", [1]),
        ] as [(String, [UInt8])] {
            state.apply(.test(key, value))
        }
        #expect(state.unreadable == 7)
        #expect(state.users.count + state.groups.count + state.memberships.count == 0)
    }

    @Test("bytes of replaced records are given back")
    func compaction() async throws {
        let state = DirectoryState()
        let id = Identifier.new()
        var user = DirectoryUser.named("anna")
        user.userID = id.text
        user.title = String(repeating: "t", count: 20_000)
        for version in 1...2_000 as ClosedRange<UInt64> {
            user.version = version
            state.apply(.test("user/\(id.text)", try user.recordBytes, version))
            if version % 50 == 0 { await Task.yield() }
        }
        #expect(state.users.heldBytes < 20 << 20)
        let row = try #require(state.users.row(id))
        let record = try MessageCoding.decode(
            DirectoryUserRecord.self, from: state.users.record(row))
        #expect(record.user == user)
    }
}

/// What the state should hold, in the simplest form.
private struct DirectoryModel {
    var users: [String: DirectoryUser] = [:]
    var groups: [String: DirectoryGroup] = [:]
    /// Users by group.
    var members: [String: Set<String>] = [:]
    private var count = 0

    /// A random change, also made here.
    mutating func change(_ random: inout SeededGenerator) throws -> [DomainChange] {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: return [try putUser(Identifier.random(using: &random).text, &random)]
        case 30..<45:
            guard let id = users.keys.sorted().randomElement(using: &random) else { return [] }
            return [try putUser(id, &random)]
        case 45..<55: return deleteUser(&random)
        case 55..<60:
            return [try putGroup(Identifier.random(using: &random).text)]
        case 60..<63: return deleteGroup(&random)
        case 63..<85: return try addMember(&random)
        default: return removeMember(&random)
        }
    }

    private mutating func putUser(
        _ id: String, _ random: inout SeededGenerator
    ) throws -> DomainChange {
        count += 1
        var user = DirectoryUser.named("Name.\(count)É")
        user.userID = id
        user.externalID = count % 3 == 0 ? "" : "External-\(count)"
        var email = DirectoryEmail()
        email.value = "Mail\(count)@Example.com"
        user.emails = count % 4 == 0 ? [] : [email]
        user.nickName = String(repeating: "n", count: Int.random(in: 0..<60, using: &random))
        users[id] = user
        return .test("user/\(id)", try user.recordBytes)
    }

    private mutating func putGroup(_ id: String) throws -> DomainChange {
        count += 1
        var group = DirectoryGroup()
        group.groupID = id
        group.displayName = "Group \(count)"
        groups[id] = group
        return try Self.change(group)
    }

    private static func change(_ group: DirectoryGroup) throws -> DomainChange {
        var record = DirectoryGroupRecord()
        record.group = group
        return .test("group/\(group.groupID)", try record.serializedBytes())
    }

    private mutating func deleteUser(_ random: inout SeededGenerator) -> [DomainChange] {
        guard let id = users.keys.sorted().randomElement(using: &random) else { return [] }
        users[id] = nil
        let ends = members.filter { $1.contains(id) }.keys.map { group in
            members[group]?.remove(id)
            return DomainChange.test("member/\(group)/\(id)", nil)
        }
        return ends + [.test("user/\(id)", nil)]
    }

    private mutating func deleteGroup(_ random: inout SeededGenerator) -> [DomainChange] {
        guard let id = groups.keys.sorted().randomElement(using: &random) else { return [] }
        groups[id] = nil
        let ends = (members.removeValue(forKey: id) ?? []).map {
            DomainChange.test("member/\(id)/\($0)", nil)
        }
        return [.test("group/\(id)", nil)] + ends
    }

    private mutating func addMember(_ random: inout SeededGenerator) throws -> [DomainChange] {
        guard let user = users.keys.sorted().randomElement(using: &random),
            let group = groups.keys.sorted().randomElement(using: &random),
            members[group, default: []].insert(user).inserted
        else { return [] }
        return [try Self.change(group, user)]
    }

    private static func change(_ group: String, _ user: String) throws -> DomainChange {
        var record = DirectoryMembershipRecord()
        record.membershipID = Identifier.new().text
        record.groupID = group
        record.userID = user
        return .test("member/\(group)/\(user)", try record.serializedBytes())
    }

    private mutating func removeMember(_ random: inout SeededGenerator) -> [DomainChange] {
        guard let group = members.keys.sorted().randomElement(using: &random),
            let user = members[group]?.sorted().randomElement(using: &random)
        else { return [] }
        members[group]?.remove(user)
        return [.test("member/\(group)/\(user)", nil)]
    }

    /// What is left after a compaction.
    func liveChanges() throws -> [DomainChange] {
        try users.values.map { .test("user/\($0.userID)", try $0.recordBytes) }
            + groups.values.map { try Self.change($0) }
            + members.flatMap { group, users in try users.map { try Self.change(group, $0) } }
    }

    func check(_ state: DirectoryState) throws {
        #expect(state.users.count == users.count)
        #expect(state.groups.count == groups.count)
        #expect(state.memberships.count == members.values.reduce(0) { $0 + $1.count })
        for (id, user) in users { try check(id, user, state) }
        for (id, group) in groups {
            let row = try #require(Identifier(id).flatMap(state.groups.row))
            #expect(state.groups.find(name: group.displayName.uppercased()) == row)
            let rows = state.memberships.page(
                ofGroup: row, after: nil, limit: .max - 1, userIDs: state.users.ids)
            let found = rows.map { state.users.ids[Int(state.memberships[$0].user)].text }
            #expect(found == (members[id] ?? []).sorted())
            for index in rows {
                #expect(state.memberships.find(id: state.memberships[index].id) == index)
            }
        }
        let pages = state.users.page(after: nil, offset: 0, limit: users.count + 1)
        #expect(pages.map { state.users.ids[Int($0)].text } == users.keys.sorted())
    }

    private func check(_ id: String, _ user: DirectoryUser, _ state: DirectoryState) throws {
        let row = try #require(Identifier(id).flatMap(state.users.row))
        let record = try MessageCoding.decode(
            DirectoryUserRecord.self, from: state.users.record(row))
        #expect(record.user == user)
        #expect(state.users.find(name: user.userName.uppercased()) == row)
        if !user.externalID.isEmpty {
            #expect(state.users.find(externalID: user.externalID) == row)
            #expect(state.users.find(externalID: user.externalID.lowercased()) == nil)
        }
        for email in user.emails {
            #expect(state.users.find(email: email.value.lowercased()) == row)
        }
        let found = state.memberships.indexes(ofUser: row)
            .map { state.groups.ids[Int(state.memberships[$0].group)].text }
        #expect(Set(found) == Set(members.filter { $1.contains(id) }.keys))
    }
}

extension DomainChange {
    fileprivate static func test(
        _ key: String, _ value: [UInt8]?, _ version: UInt64 = 1
    ) -> DomainChange {
        DomainChange(
            stream: "control", domain: "directory", key: key, version: version, value: value)
    }
}

extension DirectoryUser {
    fileprivate var recordBytes: [UInt8] {
        get throws {
            var record = DirectoryUserRecord()
            record.user = self
            return try record.serializedBytes()
        }
    }
}

extension Identifier {
    fileprivate static func random(using generator: inout SeededGenerator) -> Identifier {
        Identifier(high: generator.next(), low: generator.next())
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
