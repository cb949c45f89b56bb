import NIOCore

/// The requests of one call that takes a stream of them. Lives on its connection's loop; only the
/// stream crosses to the handler.
final class IncomingRequests {
    let stream: IncomingStream
    /// What the peer may still send.
    private(set) var credit: Int
    private(set) var hasEnded = false

    /// `onRoom` is told, on any thread, how much credit to give the peer, in large pieces.
    init(credit: Int, onRoom: @escaping @Sendable (Int) -> Void) {
        self.credit = credit
        let debt = CreditDebt(threshold: credit / 4)
        stream = IncomingStream(
            onTaken: { bytes in
                if let owed = debt.add(bytes) { onRoom(owed) }
            }, onAbandoned: {})
    }

    /// A message arrived; false when it was not allowed any more.
    func receive(_ message: ByteBuffer?, isLast: Bool) -> Bool {
        guard !hasEnded else { return false }
        if let message {
            guard credit > 0 else { return false }
            credit -= message.readableBytes + CallLimits.messageOverheadBytes
            stream.push(message)
        }
        if isLast {
            hasEnded = true
            stream.finish()
        }
        return true
    }

    func granted(_ bytes: Int) { credit += bytes }
}
