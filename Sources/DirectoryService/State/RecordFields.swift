import ReplicatedState

/// The fields of a stored record that indexes need, in place.
///
/// A record is an encoded `UserRecord` or `GroupRecord`: field 1 holds the user or group. That is
/// byte for byte a `GetUserResponse`, and an element of a `ListUsersResponse`.
struct RecordFields {
    typealias Bytes = UnsafeRawBufferPointer

    enum Kind: Sendable {
        case user
        case group
    }

    /// User name, or display name of a group: unique without regard to case.
    var name: Bytes?
    var displayName: Bytes?
    var externalID: Bytes?
    /// The first address, which is mostly the only one, and the others.
    var email: Bytes?
    var moreEmails: [Bytes] = []
    var emails: [Bytes] { (email.map { [$0] } ?? []) + moreEmails }
    var version: UInt64 = 0
    var createdAt: Int64 = 0
    var isEnabled = false

    /// Nil when the bytes are no such record.
    init?(_ record: Bytes, _ kind: Kind) {
        guard let inner = WireReader.bytes(of: 1, in: record) else { return nil }
        var reader = WireReader(inner)
        while let field = reader.next() {
            switch kind {
            case .user: takeUser(field)
            case .group: takeGroup(field)
            }
        }
        guard !reader.isMalformed else { return nil }
    }

    private mutating func takeUser(_ field: (number: Int, value: WireReader.Value)) {
        switch (field.number, field.value) {
        case (2, .bytes(let bytes)): name = bytes
        case (4, .bytes(let bytes)): displayName = bytes
        case (7, .bytes(let bytes)):
            if let value = WireReader.bytes(of: 1, in: bytes), !value.isEmpty {
                if email == nil { email = value } else { moreEmails.append(value) }
            }
        case (15, .varint(let value)): isEnabled = value != 0
        case (16, .bytes(let bytes)): externalID = bytes
        case (18, .varint(let value)): createdAt = Int64(bitPattern: value)
        case (20, .varint(let value)): version = value
        default: break
        }
    }

    private mutating func takeGroup(_ field: (number: Int, value: WireReader.Value)) {
        switch (field.number, field.value) {
        case (2, .bytes(let bytes)):
            name = bytes
            displayName = bytes
        case (4, .bytes(let bytes)): externalID = bytes
        case (5, .varint(let value)): createdAt = Int64(bitPattern: value)
        case (7, .varint(let value)): version = value
        default: break
        }
    }
}
