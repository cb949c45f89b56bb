import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Keeps one connection to one address: makes it when needed, again after a loss, with growing pauses
/// while that fails.
final class ConnectionSlot: Sendable {
    private enum Phase {
        case idle
        case connecting(EventLoopFuture<ClientLink>)
        case open(ClientLink)
        case closed
    }

    private struct State {
        var phase = Phase.idle
        /// Counts connections, so that news of an old one is not taken for that of the current.
        var generation: UInt64 = 0
        /// The last connection that became unusable.
        var lostGeneration: UInt64 = 0
        var failures = 0
        var notBefore = NIODeadline.now()
        var lastError: RPCError?
    }

    let address: RPCAddress
    /// How the calls on it went.
    let health = SlotHealth()
    private let target: ClientTarget
    private let state = Mutex(State())

    init(_ target: ClientTarget) {
        self.target = target
        self.address = target.address
    }

    /// The connection, made if there is none.
    ///
    /// Throws: `RPCError`; without trying while the pause after a failure lasts.
    func link(by deadline: Deadline, for method: MethodDescriptor) async throws -> ClientLink {
        let future: EventLoopFuture<ClientLink> = try state.withLock { state in
            switch state.phase {
            case .open(let link): return target.eventLoop.makeSucceededFuture(link)
            case .connecting(let future): return future
            case .closed: throw RPCError.channelClosed
            case .idle:
                if let error = state.lastError, state.notBefore > .now() { throw error }
                return connect(&state)
            }
        }
        return try await Race<ClientLink>().run(
            until: deadline, late: .deadlineExceeded(method.fullName)
        ) { try await future.get() }
    }

    /// The open connection, if there is one.
    var current: ClientLink? {
        state.withLock { if case .open(let link) = $0.phase { link } else { nil } }
    }

    /// How readily it takes a call.
    enum Readiness: Int, Comparable {
        case open
        /// Is being connected, or may be tried.
        case reachable
        /// Its server answers that it cannot.
        case unwell
        /// The pause after a failure to connect lasts.
        case unreachable

        static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    func readiness(_ now: NIODeadline) -> Readiness {
        let phase = state.withLock { state -> Readiness in
            switch state.phase {
            case .open: return .open
            case .connecting, .closed: return .reachable
            case .idle:
                return state.lastError != nil && state.notBefore > now ? .unreachable : .reachable
            }
        }
        return phase < .unwell && health.isUnwell(now) ? .unwell : phase
    }

    /// What is left of the pause after a failure to connect.
    var pause: Duration {
        let instant = state.withLock { $0.lastError == nil ? .now() : $0.notBefore }
        return .nanoseconds(max(0, (instant - .now()).nanoseconds))
    }

    /// Connects in the background, unless it is connected or the pause after a failure lasts.
    func prepare() {
        state.withLock { state in
            guard case .idle = state.phase, state.lastError == nil || state.notBefore <= .now()
            else { return }
            _ = connect(&state)
        }
    }

    func close() {
        let link = state.withLock { state -> ClientLink? in
            defer { state.phase = .closed }
            if case .open(let link) = state.phase { return link }
            return nil
        }
        link?.close(.channelClosed)
    }

    private func connect(_ state: inout State) -> EventLoopFuture<ClientLink> {
        state.generation += 1
        let generation = state.generation
        let future = target.connect { self.lost(generation) }
        state.phase = .connecting(future)
        // Not at once: the lock is held.
        future.whenComplete { result in
            future.eventLoop.execute { self.connected(generation, result) }
        }
        return future
    }

    private func connected(_ generation: UInt64, _ result: Result<ClientLink, any Error>) {
        let unwanted = state.withLock { state -> ClientLink? in
            let link = try? result.get()
            guard state.generation == generation, case .connecting = state.phase else {
                return link
            }
            switch result {
            case .success(let link):
                state.phase = state.lostGeneration == generation ? .idle : .open(link)
                state.failures = 0
                state.lastError = nil
            case .failure(let error):
                state.phase = .idle
                state.failures += 1
                state.lastError = error as? RPCError
                state.notBefore =
                    .now() + TimeAmount(target.configuration.backOff(failures: state.failures))
            }
            return nil
        }
        unwanted?.close(.channelClosed)
    }

    /// The connection takes no more calls.
    private func lost(_ generation: UInt64) {
        state.withLock { state in
            state.lostGeneration = max(state.lostGeneration, generation)
            guard state.generation == generation, case .open = state.phase else { return }
            state.phase = .idle
        }
    }
}
