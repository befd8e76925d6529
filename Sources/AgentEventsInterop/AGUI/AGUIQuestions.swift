import AgentEvents
import AgentEventsProtocol

/// The questions that clients may have been told of together: of a run, those that were open at a place of the thread where it waited.
/// Each stream that ends with questions ends at such a place. A fold of the log, which is the same after a restart.
struct AGUIQuestions: StreamTranslation {
    /// The most places that are kept of a run, of which there are as many as answers that a state remembers.
    private static let maximumCount = ThreadState.Limits.resolvedApprovalCount

    private let roots: [RunID]
    private var thread: AGUIStateMachine
    /// The places that have open questions, by their names, the newest at the end.
    private var told: [RunID: [Set<String>]] = [:]

    /// - Parameter roots: the runs that it is about.
    init(of roots: [RunID]) {
        self.roots = roots
        thread = AGUIStateMachine(.version1, thread: "", run: "", root: nil, start: 0, isJoin: true)
    }

    mutating func note(_ event: AgentEvent) {
        thread.note(event)
        guard event.runID != nil else { return }
        for root in roots {
            let open = thread.runs.questions(of: root)
            var places = (told[root] ?? []).filter { !$0.isDisjoint(with: open) }
            if thread.runs.waits(root), places.last != open { places.append(open) }
            told[root] = places.suffix(Self.maximumCount)
        }
    }

    /// Refuses answers that leave out a question that the client was told of with the others. Of a run whose questions are not all in
    /// the log any longer, nobody can say that.
    func refusal(of part: AGUIResumption.Part) -> ProtocolError? {
        let open = thread.runs.questions(of: part.root)
        guard part.missing.isSubset(of: open) else { return nil }
        let isWhole = (told[part.root] ?? []).contains { place in
            part.answered.isSubset(of: place) && place.isDisjoint(with: part.missing)
        }
        guard !isWhole, let missing = part.missing.sorted().first else { return nil }
        return ProtocolError(
            .approvalUnknown,
            "resume answers all that the client was asked together, and \(missing) is missing; nothing was answered")
    }

    // It is read at once, and followed by nothing.
    mutating func begin() -> [StreamFrame] { [] }
    mutating func receive(_ event: AgentEvent) -> [StreamFrame] { [] }
    var hasEnded: Bool { true }
    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd { .brokenOff }
}
