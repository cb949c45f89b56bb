import NIOCore

/// A connection that takes what handlers give. Called on its event loop.
protocol ReplyReceiver: AnyObject, SendableMetatype {
    /// A message of a streamed answer; `charge` was taken from the gate of the connection.
    func message(_ id: UInt32, _ payload: ByteBuffer, charge: Int)
    /// The handler has ended. A success holds the answer of a call that is answered once.
    func end(_ id: UInt32, _ result: Result<ByteBuffer, RPCError>, charge: Int)
}
