import AgentEvents
import AgentEventsProtocol

/// The messages of a thread as a page of the AI SDK loads them: a fold of its events, with the ids that streams give. A run that is
/// open is left out, since a page that resumes gets all of it; and so is one whose answer was asked for again.
struct AISDKHistory: StreamTranslation {
    private struct Turn: Sendable {
        let run: RunID
        let retryOf: RunID?
        var machine: AISDKStateMachine
        var reducer = AISDKReducer()
        var hasEnded = false
    }

    private enum Entry: Sendable {
        case user(id: String, text: String)
        case turn(Turn)
    }

    private let dialect: AISDKDialect
    private var entries: [Entry] = []
    /// The places of the runs that are open.
    private var open: [RunID: Int] = [:]
    /// The roots of the runs that are open.
    private var roots: [RunID: RunID] = [:]
    private var superseded: Set<RunID> = []

    init(_ dialect: AISDKDialect) { self.dialect = dialect }

    mutating func note(_ event: AgentEvent) {
        guard let run = event.runID else {
            if case .userMessage(let message) = event.payload {
                entries.append(.user(id: AISDKMember.id(of: message), text: message.text))
            }
            return
        }
        begin(event, run)
        guard let root = roots[run], let place = open[root], case .turn(var turn) = entries[place] else { return }
        entries[place] = .user(id: "", text: "")
        for frame in turn.machine.receive(event) { turn.reducer.apply(frame.json) }
        if run == root, event.type?.endsRun == true {
            turn.hasEnded = true
            open[root] = nil
            roots = roots.filter { $0.value != root }
            if case .agentCancelled(let cancelled) = event.payload, cancelled.isDiscarded { superseded.insert(root) }
        }
        entries[place] = .turn(turn)
    }

    private mutating func begin(_ event: AgentEvent, _ run: RunID) {
        var parent: RunID?
        var retryOf: RunID?
        if case .agentStarted(let started) = event.payload {
            (parent, retryOf) = (started.parentRunID, started.retryOf)
        } else if case .agentQueued(let queued) = event.payload {
            retryOf = queued.retryOf
        } else {
            return
        }
        if let parent {
            roots[run] = roots[parent]
        } else if roots[run] == nil {
            if let retryOf { superseded.insert(retryOf) }
            roots[run] = run
            open[run] = entries.count
            let machine = AISDKStateMachine(dialect, root: run, message: run.rawValue, waitsFrom: .max)
            entries.append(.turn(Turn(run: run, retryOf: retryOf, machine: machine)))
        }
    }

    /// The messages, oldest first.
    var json: JSONValue {
        .array(
            entries.compactMap { entry in
                switch entry {
                case .user(let id, let text):
                    return ["id": .string(id), "role": "user", "parts": [["type": "text", "text": .string(text)]]]
                case .turn(let turn):
                    guard turn.hasEnded, !superseded.contains(turn.run) else { return nil }
                    return ["id": turn.run.json, "role": "assistant", "parts": turn.reducer.json]
                }
            })
    }

    // It is read at once, and followed by nothing.
    mutating func begin() -> [StreamFrame] { [] }
    mutating func receive(_ event: AgentEvent) -> [StreamFrame] { [] }
    var hasEnded: Bool { true }
    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd { .brokenOff }
}
