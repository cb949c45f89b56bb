import Cryptography
import RPC
import ServiceKit
import Synchronization

/// One-time keys that were offered to senders. Each is handed out once and valid for a minute.
final class TransferOffers: Sendable {
    struct Offer: Sendable {
        let keyID: String
        let sourceRegion: String
        /// The replica is there and gets material that it lacks.
        let isUpdate: Bool
        let privateKey: P256AgreementKey
        let expiresAtMicroseconds: Int64
    }

    static let validMicroseconds: Int64 = 60_000_000
    private static let offerCountMax = 256

    private let offers = Mutex<[String: Offer]>([:])
    private let now: @Sendable () -> Int64

    init(now: @escaping @Sendable () -> Int64) { self.now = now }

    /// - Throws: RESOURCE_EXHAUSTED while too many offers are open.
    func make(
        keyID: String, sourceRegion: String, isUpdate: Bool
    ) throws -> (transferID: String, offer: Offer) {
        do {
            let transferID = try Random.bytes(16).hexadecimal
            let now = now()
            let offer = Offer(
                keyID: keyID, sourceRegion: sourceRegion, isUpdate: isUpdate,
                privateKey: try P256AgreementKey(),
                expiresAtMicroseconds: now + Self.validMicroseconds)
            try offers.withLock { offers in
                offers = offers.filter { $0.value.expiresAtMicroseconds > now }
                guard offers.count < Self.offerCountMax else {
                    throw RPCError.limitExceeded("Too many transfers are open; try again.")
                }
                offers[transferID] = offer
            }
            return (transferID, offer)
        } catch let error as CryptographyError {
            throw RPCError.keysInternal(error)
        }
    }

    /// Takes an offer, which nobody can take again.
    ///
    /// - Throws: FAILED_PRECONDITION TRANSFER_NOT_OPEN when it is unknown, used, expired or was
    ///   made for another Region.
    func take(_ transferID: String, sourceRegion: String) throws -> Offer {
        let offer = offers.withLock { $0.removeValue(forKey: transferID) }
        guard let offer, offer.expiresAtMicroseconds > now(), offer.sourceRegion == sourceRegion
        else {
            throw RPCError(
                .failedPrecondition, reason: "TRANSFER_NOT_OPEN",
                message: "The transfer is unknown, used or expired; call ReplicateKey again.")
        }
        return offer
    }
}
