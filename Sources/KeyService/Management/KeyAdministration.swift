import AccessPolicy
import Contracts
import Logging
import RPC
import ServiceKit

/// The one way in which keys change: checked, recorded in the trail, committed, then seen in
/// memory.
struct KeyAdministration: Sendable {
    /// A change that passed all checks. Nothing has happened yet.
    struct Prepared<Value: Sendable> {
        /// ARN of what is changed; may be empty.
        let resource: String
        var response: [String: any Sendable] = [:]
        /// Performs the change on disk and then in memory, without waiting for anything else.
        let commit: () throws -> Value
    }

    static let eventSource = "kms.amazonaws.com"

    let configuration: KeyServiceConfiguration
    let store: KeyStore
    let ring: KeyRing
    let rootKey: any RootKey
    let authorizer: KeyAuthorizer
    let callers: CallerDirectory
    let meter: UsageMeter
    let trail: any TrailRecorder
    let rules: AlgorithmRules
    let gate: SerialGate
    let logger: Logger
    let now: @Sendable () -> Int64

    /// Performs a change for a caller.
    ///
    /// The event is on disk before the change takes effect; when it cannot be recorded, nothing
    /// happens. A refused change is recorded with its error as well, as far as possible.
    ///
    /// - Parameter prepare: all checks; runs alone, and nothing changes between it and the commit.
    /// - Throws: what `prepare` and the store throw, UNAVAILABLE TRAIL_UNAVAILABLE.
    func perform<Value: Sendable>(
        _ name: String, _ context: ServerContext, request: [String: any Sendable],
        prepare: @escaping @Sendable () throws -> Prepared<Value>
    ) async throws -> Value {
        let actor = context.actor(accountID: configuration.accountID, region: configuration.region)
        let event = TrailEvent(
            name: name, source: Self.eventSource, actor: actor, request: request)
        return try await gate.run {
            let prepared: Prepared<Value>
            do {
                prepared = try prepare()
            } catch {
                await recordFailure(event, error)
                throw error
            }
            try await record(
                TrailEvent(
                    name: name, source: Self.eventSource, actor: actor, request: request,
                    response: prepared.response),
                resource: prepared.resource)
            do {
                return try prepared.commit()
            } catch {
                await recordFailure(event, error)
                throw error
            }
        }
    }

    /// Performs a change that nobody asked for in person, such as a deletion that is due.
    func performForService<Value: Sendable>(
        _ name: String, resource: String, details: [String: any Sendable],
        commit: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        var actor = TrailActor()
        actor.type = "AWSService"
        actor.userName = Self.eventSource
        actor.accountID = configuration.accountID
        try await record(
            TrailEvent(
                name: name, source: Self.eventSource, actor: actor, type: "AwsServiceEvent",
                serviceDetails: details),
            resource: resource)
        return try commit()
    }

    /// Records that a change which had been recorded was not completed.
    func recordFailure(
        _ name: String, _ context: ServerContext, _ resource: String, _ error: RPCError
    ) async {
        let actor = context.actor(accountID: configuration.accountID, region: configuration.region)
        await recordFailure(
            TrailEvent(
                name: name, source: Self.eventSource, actor: actor, request: ["keyId": resource]),
            error)
    }

    private func record(_ event: TrailEvent, resource: String) async throws {
        var event = event
        event.eventTimeUs = now()
        if !resource.isEmpty {
            var entry = TrailResource()
            entry.type = "AWS::KMS::Key"
            entry.arn = resource
            event.resources = [entry]
        }
        do {
            try await trail.record([event])
        } catch {
            throw RPCError(
                .unavailable, reason: "TRAIL_UNAVAILABLE",
                message: "\(event.eventName) could not be recorded and was not done; check the "
                    + "coordinator of \(configuration.region).", cause: error)
        }
    }

    private func recordFailure(_ event: TrailEvent, _ error: any Error) async {
        var event = event
        event.eventTimeUs = now()
        let error = error as? RPCError ?? .keysInternal(error)
        event.errorCode = error.reason
        event.errorMessage = error.message
        do {
            try await trail.record([event])
        } catch {
            logger.warning(
                "a refused change was not recorded", metadata: ["event": "\(event.eventName)"])
        }
    }
}

extension KeyAdministration {
    /// A policy for a key, from what a caller sent, or the default one.
    ///
    /// - Throws: MalformedPolicyDocumentException, also when it would lock the caller out.
    func policy(
        _ json: String, for arn: String, _ caller: Caller, bypassesLockoutCheck: Bool
    ) throws -> String {
        do {
            let text =
                try json.isEmpty
                ? DefaultKeyPolicy.document(account: configuration.accountID) : json
            let policy = try PolicyDocument(json: text)
            // The default policy leaves everything to the account, which can never be locked out.
            guard !bypassesLockoutCheck, !json.isEmpty else { return text }
            let decision = authorizer.lockoutCheck(policy, caller, arn: arn)
            guard decision.isAllowed else {
                throw RPCError.malformedPolicy(
                    "The policy would not let you change it again: \(decision.explanation).")
            }
            return text
        } catch let error as PolicyError {
            throw RPCError.malformedPolicy("The policy is malformed. \(error)")
        }
    }

    /// A new key, on disk and then in memory.
    func insert(_ stored: StoredKey) throws -> ActiveKey {
        try store.insert(stored)
        do {
            return try ring.put(stored)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }

    /// An alias, on disk and then in memory.
    func putAlias(_ name: String, _ alias: KeyAlias) throws {
        try store.putAlias(name, alias)
        do {
            try ring.putAlias(name, alias)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }

    /// Removes an alias, on disk and then in memory.
    func removeAlias(_ name: String) throws {
        try store.deleteAlias(name)
        do {
            try ring.removeAlias(name)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }

    /// A key whose change is on disk already, in memory.
    func replace(_ stored: StoredKey) throws {
        do {
            try ring.put(stored)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }

    /// A changed key, on disk and then in memory.
    @discardableResult
    func save(_ stored: StoredKey) throws -> ActiveKey {
        try store.update(stored)
        do {
            return try ring.put(stored)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }
}
