import ArgumentParser
import Contracts

extension InstanceCommand {
    struct RotateDataKeys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace the data keys and seal all records anew, in the background.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.rotateDataKeys(
                    CoordinatorRotateDataKeysRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                let generation = answer.instance.encryption.dataKeyGeneration
                Console.print(
                    "Data keys of generation \(generation) replace the earlier ones. "
                        + "portolan instance show says how far the records are.")
            }
        }
    }

    /// How far the sealing anew of records is; nil when there is nothing left to do.
    static func resealing(_ encryption: CoordinatorEncryption) -> String? {
        guard encryption.hasResealing else { return nil }
        let parts = encryption.resealing.parts.map { part in
            let place = "\(part.domain) (\(part.stream))"
            guard part.counted else { return "\(place) not counted yet" }
            return
                "\(place) \(Format.count(part.records - min(part.records, part.recordsLeft))) of "
                + "\(Format.count(part.records)) records"
        }
        return parts.joined(separator: ", ")
    }
}
