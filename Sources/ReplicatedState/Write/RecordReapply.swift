package import Contracts
package import RPC

/// What becomes of one record of an export in the present state.
package struct ReapplyDecision: Sendable {
    package var outcome: StateReapplyOutcome
    package var changes: [RecordChange]
    /// What no other change of the same commit may touch, and what it may only read.
    package var claims: [String]
    package var needs: [String]

    package init(
        _ outcome: StateReapplyOutcome, changes: [RecordChange] = [], claims: [String] = [],
        needs: [String] = []
    ) {
        self.outcome = outcome
        self.changes = changes
        self.claims = claims
        self.needs = needs
    }
}

/// Decides what becomes of one record that has been opened (it has a value or is a tombstone): a
/// service's own rules.
package protocol ReapplyPlan<State>: Sendable {
    associatedtype State: DomainState

    /// Why the record makes no sense, by what only another service knows; nil when nothing is wrong.
    func problem(_ context: ServerContext) async throws -> String?

    /// - Parameter made: Keys that earlier records of a dry run would have put back.
    func decide(_ state: State, made: Set<String>) -> ReapplyDecision
}

extension DomainWriter {
    /// Puts back what a former primary had acknowledged and nobody else had, one record at a time and
    /// in order: each is decided against what the ones before have made of the state. With `isDryRun`
    /// nothing is written.
    ///
    /// Returns what became of each record, and where the last write stands.
    package func reapply<Plan: ReapplyPlan<State>>(
        _ records: [StateUnreplicatedRecord], isDryRun: Bool, _ context: ServerContext,
        plan: (OpenedRecord) -> Plan, event: (String) -> TrailEvent
    ) async throws -> (outcomes: [StateReapplyOutcome], position: LogPosition?) {
        try await replica.requirePrimary()
        var outcomes: [StateReapplyOutcome] = []
        var made: Set<String> = []
        var position: LogPosition?
        for opened in try await replica.open(records) {
            let plan = plan(opened)
            if let problem = try await refusal(opened, plan, context) {
                outcomes.append(problem)
            } else if isDryRun {
                let before = made
                let outcome = try replica.read { plan.decide($0, made: before).outcome }
                if outcome.result == .applied, !opened.record.tombstone {
                    made.insert(opened.record.key)
                }
                outcomes.append(outcome)
            } else {
                let event = event(opened.record.key)
                let written = try await submit(until: context.deadline) { state in
                    let decision = plan.decide(state, made: [])
                    return DomainWrite(
                        decision.outcome, changes: decision.changes,
                        events: decision.changes.isEmpty ? [] : [event],
                        exclusive: decision.claims, shared: decision.needs)
                }
                outcomes.append(written.answer)
                position = written.position
            }
        }
        return (outcomes, position)
    }

    private func refusal(
        _ opened: OpenedRecord, _ plan: some ReapplyPlan, _ context: ServerContext
    ) async throws -> StateReapplyOutcome? {
        guard opened.problem.isEmpty else { return opened.outcome(.refused, "", opened.problem) }
        return try await plan.problem(context).map { opened.outcome(.refused, "", $0) }
    }
}
