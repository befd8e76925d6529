import AgentEvents
import AgentEventsProtocol

/// The tables of what becomes of an input, by what the log says when it comes. They are made from the events alone, and by no
/// machine that decides.
///
/// | input | queued | running, waiting | paused | ended |
/// |---|---|---|---|---|
/// | stop | done | done | done | unchanged |
/// | pause | run.not_started | done | unchanged; done where only the process was gone | run.not_open |
/// | resume | run.not_started | unchanged | done | run.not_open |
///
/// | answer | the question is open | it has the same answer | it has another one | its time was over | never asked |
/// |---|---|---|---|---|---|
/// | yes, no | done | unchanged | approval.resolved | approval.expired | approval.unknown |
///
/// | message | nothing open | a run has started | only queued runs |
/// |---|---|---|---|
/// | queue | started | queued | queued |
/// | steer | started | given | queued |
/// | supersede | started, queued | started, queued | started, queued |
struct RaceTable {
    /// The end of an input, in one word: an outcome, a status or a code.
    typealias Word = String

    private(set) var state = ThreadState()
    /// The run that is raced: the first of the thread.
    private(set) var run: RunID?
    /// The question that it has asked.
    private(set) var question: ApprovalID?
    /// The answer that counts.
    private(set) var answer: ApprovalResolved?
    /// The runs that are paused because their process is gone.
    private(set) var lost: Set<RunID> = []
    /// Those of them whose processes have stopped in order.
    private var handedOver: Set<RunID> = []
    /// The attempts of runs that count: one more with each that was lost before.
    private var attempts: [RunID: Int] = [:]
    /// The runs below whose calls a body may have begun: their questions have a yes, or they never asked.
    private(set) var approvedCount = 0

    mutating func apply(_ event: AgentEvent) {
        state.apply(event)
        guard let run = event.runID else { return }
        if self.run == nil { self.run = run }
        switch event.payload {
        case .approvalRequested(let asked): question = asked.approvalID
        case .approvalResolved(let resolved):
            answer = resolved
            if resolved.decision == .approved { approvedCount += 1 }
        case .agentPaused(let paused):
            guard paused.by == nil, paused.reason == "process_lost" else { return }
            lost.insert(run)
            if paused.isHandedOver { handedOver.insert(run) }
        case .agentResumed:
            if lost.remove(run) != nil, handedOver.remove(run) == nil { attempts[run, default: 1] += 1 }
        case .agentCompleted, .agentFailed, .agentCancelled: lost.remove(run)
        default: break
        }
    }

    /// The runs that are open, queued ones among them.
    var open: [ThreadState.Run] { state.runs.filter { !$0.status.isEnd } }

    /// The run that is raced.
    var raced: ThreadState.Run? { state.runs.last { $0.runID == run } }

    var isQuestionOpen: Bool { !state.approvals.isEmpty }

    /// What may become of an input; empty for one that is not answered.
    func expected(_ input: RaceInput) -> Set<Word> {
        switch input {
        case .step, .toolEnd, .expiry, .restart, .deploy: []
        case .stop: [open.isEmpty ? "unchanged" : "done"]
        case .pause: [pause]
        case .resume: [resume]
        case .yes: [answered(.approved)]
        case .no: [answered(.denied)]
        case .queue: [open.isEmpty ? "started" : "queued"]
        case .steer: [open.isEmpty ? "started" : open.contains { $0.status != .queued } ? "given" : "queued"]
        // Bodies that have not returned are not in the log.
        case .supersede: ["started", "queued"]
        }
    }

    private var pause: Word {
        switch raced?.status {
        case nil: "run.unknown"
        case .queued?: "run.not_started"
        case .running?: "done"
        case .paused?: run.map(lost.contains) ?? false ? "done" : "unchanged"
        case .completed?, .failed?, .cancelled?: "run.not_open"
        }
    }

    private var resume: Word {
        switch raced?.status {
        case nil: "run.unknown"
        case .queued?: "run.not_started"
        case .running?: "unchanged"
        case .paused?: "done"
        case .completed?, .failed?, .cancelled?: "run.not_open"
        }
    }

    private func answered(_ decision: ApprovalDecision) -> Word {
        guard question != nil else { return "approval.unknown" }
        guard let answer else { return "done" }
        if answer.decision == .expired { return "approval.expired" }
        return answer.decision == decision ? "unchanged" : "approval.resolved"
    }

    /// What is wrong with the events that an input has led to.
    ///
    /// - Parameters:
    ///   - commits: the events since the input came, in their commits.
    ///   - word: what the input was answered with.
    func fault(after input: RaceInput, _ word: Word?, _ commits: [[AgentEvent]]) -> String? {
        let events = commits.flatMap(\.self)
        switch input {
        case .step, .toolEnd: return nil
        case .stop: return stopFault(commits)
        case .pause:
            let isPaused = events.contains { event in
                if case .agentPaused(let paused) = event.payload {
                    event.runID == run && paused.by == "u_1"
                } else {
                    false
                }
            }
            return isPaused == (word == "done") ? nil : "a pause that is \(word ?? "") has led to \(Self.words(events))"
        case .resume:
            let isResumed = events.contains { event in
                if case .agentResumed(let resumed) = event.payload {
                    event.runID == run && resumed.by == "u_1"
                } else {
                    false
                }
            }
            return isResumed == (word == "done")
                ? nil : "a resume that is \(word ?? "") has led to \(Self.words(events))"
        case .yes, .no:
            let decisions = Self.answers(events)
            let expected: [ApprovalDecision] = word == "done" ? [input == .yes ? .approved : .denied] : []
            return decisions == expected ? nil : "an answer that is \(word ?? "") has led to \(Self.words(events))"
        case .expiry:
            let expected: [ApprovalDecision] = isQuestionOpen ? [.expired] : []
            // A run that is taken up meanwhile may ask again.
            return Array(Self.answers(events).prefix(1)) == expected
                ? nil : "a time that is over has led to \(Self.words(events))"
        case .queue, .steer, .supersede: return messageFault(input, word, commits)
        case .restart, .deploy: return lossFault(input, events)
        }
    }

    /// Everything that was open ends in one commit, with what was open in it.
    private func stopFault(_ commits: [[AgentEvent]]) -> String? {
        let ends = commits.map { commit in
            Set(
                commit.compactMap { event -> RunID? in
                    guard case .agentCancelled(let cancelled) = event.payload, cancelled.by == "u_1" else { return nil }
                    return event.runID
                })
        }
        let open = Set(open.map(\.runID))
        guard !open.isEmpty else { return nil }
        guard let place = ends.firstIndex(of: open) else { return "not all that was open has ended in one commit" }
        let expected: [ApprovalDecision] = isQuestionOpen ? [.cancelled] : []
        return Self.answers(commits[place]) == expected
            ? nil : "a question was left by a stop: \(Self.words(commits[place]))"
    }

    /// A message comes in one commit with the first event of its run, or is given to a run; what it supersedes ends there.
    private func messageFault(_ input: RaceInput, _ word: Word?, _ commits: [[AgentEvent]]) -> String? {
        let commit = commits.first { commit in commit.contains { $0.type == .userMessage } }
        guard let commit, let last = commit.last,
            case .userMessage(let message)? = commit.first(where: {
                $0.type == .userMessage
            })?.payload
        else { return "a message is not in the log" }
        switch (word, last.payload) {
        case ("started"?, .agentStarted(let started)) where started.messageIDs == [message.messageID]: break
        case ("queued"?, .agentQueued(let queued)) where queued.messageIDs == [message.messageID]: break
        case ("given"?, .userMessage(let given)) where given.givenTo != nil: break
        default: return "a message that is \(word ?? "") came as \(Self.words(commit))"
        }
        guard input == .supersede else { return nil }
        let superseded = Set(
            commit.compactMap { event -> RunID? in
                guard case .agentCancelled(let cancelled) = event.payload, cancelled.supersededBy == last.runID else {
                    return nil
                }
                return event.runID
            })
        return superseded == Set(open.map(\.runID)) ? nil : "what is superseded has not ended: \(Self.words(commit))"
    }

    /// A process that is gone ends nothing of an agent that resumes: what waits, or is paused or queued, stays as it is, and
    /// what worked is paused; unless it was lost for the third time.
    private func lossFault(_ input: RaceInput, _ events: [AgentEvent]) -> String? {
        for before in open {
            let own = events.filter { $0.runID == before.runID }
            if input == .restart, works(before), attempts[before.runID, default: 1] == 3 {
                if case .agentFailed(let failed)? = own.last?.payload, failed.error.code == "run.lost",
                    failed.error.details?["attempts"] == 3
                {
                    continue
                }
                return "a run that was lost three times has \(Self.words(own))"
            }
            if let end = own.first(where: { $0.type?.endsRun == true }) {
                return "\(before.status) \(before.runID) ended with its process: \(Self.words([end]))"
            }
            switch before.status {
            case .queued:
                if let first = own.first, first.type != .agentStarted { return "a queued run has \(Self.words(own))" }
            case .running where !works(before):
                if !own.isEmpty { return "a run that waits has \(Self.words(own))" }
            case .running:
                if !own.contains(where: { $0.type == .agentPaused }) { return "a run that worked is not paused" }
            case .paused:
                if own.contains(where: { $0.type == .agentResumed }), !lost.contains(before.runID) {
                    return "a run that a person paused has continued"
                }
            case .completed, .failed, .cancelled: break
            }
        }
        return nil
    }

    /// Whether the agent works for a run; it does nothing else while it asks.
    private func works(_ before: ThreadState.Run) -> Bool {
        before.status == .running && !(before.runID == run && isQuestionOpen)
    }

    private static func answers(_ events: [AgentEvent]) -> [ApprovalDecision] {
        events.compactMap { if case .approvalResolved(let resolved) = $0.payload { resolved.decision } else { nil } }
    }

    static func words(_ events: [AgentEvent]) -> String {
        events.map { "\($0.runID.map { "\($0.rawValue.suffix(3)) " } ?? "")\($0.typeName)" }.joined(separator: ", ")
    }
}
