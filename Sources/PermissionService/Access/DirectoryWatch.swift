import Contracts
import Logging
import RPC
import ReplicatedState
import Synchronization

/// Hears from the Region's directory about whom something has changed.
///
/// The directory speaks every 250 ms at least. After a second of silence nothing that depends on
/// having heard everything may be used.
final class DirectoryWatch: Sendable {
    /// A time in which everything was heard. What was made in one is of no use in another.
    struct Life: Sendable, Equatable {
        let number: UInt64
    }

    private struct Heard {
        var life = Life(number: 0)
        var position = LogPosition()
        /// Nil while nothing is being heard.
        var at: ContinuousClock.Instant?
    }

    private static let silenceMax = Duration.seconds(1)

    private let directory: DirectoryClient
    private let logger: Logger
    private let heard = Mutex(Heard())

    init(_ directory: DirectoryClient, logger: Logger) {
        self.directory = directory
        self.logger = logger
    }

    /// The present life; nil while it is not certain that everything is heard.
    var life: Life? { present?.life }

    /// The present life, and up to where everything is heard in it.
    var present: (life: Life, position: LogPosition)? {
        heard.withLock { heard in
            guard let at = heard.at, at.duration(to: .now) < Self.silenceMax else { return nil }
            return (heard.life, heard.position)
        }
    }

    /// Listens until cancelled; `forget` is given the people about whom something has changed, and
    /// says whether it could forget what was kept of them.
    func run(_ forget: @Sendable ([String]) -> Bool) async throws {
        var backoff = Backoff()
        while true {
            try Task.checkCancellation()
            do {
                for try await news in try await directory.watchPeople(.init()) {
                    take(news, forget)
                    backoff.reset()
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                logger.debug("the directory is not heard", metadata: ["error": "\(error)"])
            }
            heard.withLock { $0.at = nil }
            try await Task.sleep(for: backoff.next())
        }
    }

    private func take(_ news: DirectoryWatchPeopleResponse, _ forget: ([String]) -> Bool) {
        let isOver = news.everybody || !(news.userIds.isEmpty || forget(news.userIds))
        heard.withLock { heard in
            // Whatever it says first: before it something may have been missed.
            if isOver || heard.at == nil { heard.life = Life(number: heard.life.number + 1) }
            heard.position = news.position
            heard.at = .now
        }
    }
}
