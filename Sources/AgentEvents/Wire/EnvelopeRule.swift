/// The rules on the envelope of events: which have a run and an agent, and which may stand for several.
enum EnvelopeRule {
    /// - Parameter type: `nil` for a type that is not in the catalogue; a later version may merge those, too.
    static func check(_ type: EventType?, sequence: UInt64, fromSequence: UInt64?) throws(WireError) {
        guard let fromSequence else { return }
        guard fromSequence >= 1, fromSequence < sequence else {
            throw WireError(.invalidValue, path: "$.from_seq", "from_seq must be at least 1 and less than seq")
        }
        if let type, !type.isFragment {
            throw WireError(
                .fieldNotAllowed, path: "$.from_seq", "\(type.rawValue) is not a fragment and must not have from_seq")
        }
    }

    /// - Parameter type: `nil` for a type that is not in the catalogue.
    static func check(_ type: EventType?, hasRun: Bool, hasAgent: Bool) throws(WireError) {
        try checkRun(type, hasRun: hasRun, hasAgent: hasAgent)
        guard hasRun == hasAgent else {
            throw WireError(
                .missingField, path: hasRun ? "$.agent" : "$.run_id",
                hasRun ? "an event of a run names its agent" : "an event that names an agent names the run, too")
        }
    }

    /// The same for an event that is still to be accepted: the agent may be left out once the run is started.
    static func checkDraft(_ type: EventType, hasRun: Bool, hasAgent: Bool) throws(WireError) {
        try checkRun(type, hasRun: hasRun, hasAgent: hasAgent)
        if hasAgent, !hasRun {
            throw WireError(.missingField, path: "$.run_id", "an event that names an agent names the run, too")
        }
        if type.beginsRun, !hasAgent {
            throw WireError(.missingField, path: "$.agent", "\(type.rawValue) names the agent")
        }
    }

    private static func checkRun(_ type: EventType?, hasRun: Bool, hasAgent: Bool) throws(WireError) {
        guard let type else { return }
        if type.belongsToThread, hasRun || hasAgent {
            throw WireError(
                .fieldNotAllowed, path: hasRun ? "$.run_id" : "$.agent",
                "\(type.rawValue) belongs to the thread, it has no run and no agent")
        }
        if type.needsRun, !hasRun {
            throw WireError(.missingField, path: "$.run_id", "\(type.rawValue) belongs to a run, run_id is missing")
        }
    }
}
