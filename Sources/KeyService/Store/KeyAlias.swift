/// What an alias names.
struct KeyAlias: Sendable, Equatable {
    var keyID: String
    let createdAtMicroseconds: Int64
    var updatedAtMicroseconds: Int64

    init(keyID: String, createdAtMicroseconds: Int64, updatedAtMicroseconds: Int64? = nil) {
        self.keyID = keyID
        self.createdAtMicroseconds = createdAtMicroseconds
        self.updatedAtMicroseconds = updatedAtMicroseconds ?? createdAtMicroseconds
    }
}
