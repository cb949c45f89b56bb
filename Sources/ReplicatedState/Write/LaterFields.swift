package import SwiftProtobuf

extension Message {
    /// Keeps what a later version wrote into the stored message that this one replaces.
    ///
    /// A writer that knows such fields, or has read the message before it changed it, sends them: what
    /// it sends stands. One that sends none does not know them, and cannot have meant to remove them.
    package mutating func keepLaterFields(of stored: Self) {
        if unknownFields.data.isEmpty { unknownFields = stored.unknownFields }
    }
}
