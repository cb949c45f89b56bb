import COpenSSL
import Synchronization

/// OpenSSL's secure heap: memory for keys that is kept out of core files and swap.
///
/// It is one per process and of fixed size. Call `start(byteCount:)` once, early; `SecretBytes`
/// starts it with the default size when nobody has.
package enum SecureHeap {
    /// Used when nothing else is asked for.
    package static let defaultByteCount = 4 << 20

    /// Whether the operating system agreed to keep the heap in memory.
    package enum Protection: String, Sendable {
        /// Guard pages, no core dumps, locked in memory.
        case locked
        /// The pages could not be locked (see RLIMIT_MEMLOCK), so they may reach swap.
        case unlocked
    }

    /// How much of the heap is taken.
    package struct Status: Sendable {
        package let protection: Protection
        package let byteCount: Int
        package let usedByteCount: Int
    }

    private struct State {
        var started: (protection: Protection, byteCount: Int)?
    }

    private static let state = Mutex(State())

    /// Sets the heap up. A second call changes nothing and returns what is there.
    ///
    /// - Parameter byteCount: a power of two, 64 KiB to 1 GiB.
    /// - Throws: `invalidInput` for another size, `outOfSecureMemory` when the system refuses.
    @discardableResult
    package static func start(byteCount: Int = defaultByteCount) throws -> Protection {
        try state.withLock { state in
            if let started = state.started { return started.protection }
            guard byteCount.nonzeroBitCount == 1, (1 << 16...1 << 30).contains(byteCount) else {
                throw CryptographyError(
                    .invalidInput, "the secure heap is a power of two from 64 KiB to 1 GiB")
            }
            let protection: Protection
            switch CRYPTO_secure_malloc_init(byteCount, 32) {
            case 1: protection = .locked
            case 2: protection = .unlocked
            default: throw CryptographyError.openSSL(.outOfSecureMemory, "start the secure heap")
            }
            state.started = (protection, byteCount)
            return protection
        }
    }

    /// What the heap holds now, or nil before it was started.
    package static var status: Status? {
        state.withLock { state in
            state.started.map {
                Status(
                    protection: $0.protection, byteCount: $0.byteCount,
                    usedByteCount: CRYPTO_secure_used())
            }
        }
    }

    /// Switches core files and foreign inspection of this process off.
    ///
    /// - Returns: false when the system refused.
    package static func disableCoreDumps() -> Bool {
        portolan_disable_core_dumps() == 1
    }
}
