import AgentEvents
import AgentEventsProtocol

/// The messages of a thread as a page of the AI SDK loads them: a fold of its events, with the ids that streams give. A run that is
/// open is left out, since a page that resumes gets all of it; and so is one whose answer was asked for again.
struct AISDKHistory: StreamTranslation {
    private struct Turn: Sendable {
        /// `nil` when the run has ended.
        var machine: AISDKStateMachine?
        var reducer: AISDKReducer
    }

    private enum Entry: Sendable {
        case user(MessageID, id: String, text: String)
        case turn(RunID)
    }

    /// The most bytes of the answer, of which the newest messages are kept. A client posts all of them again.
    static let maximumByteCount = 4 * 1024 * 1024

    private let dialect: AISDKDialect
    private let maximumByteCount: Int
    private var entries: [Entry] = []
    /// The turns among the entries, and no others.
    private var turns: [RunID: Turn] = [:]
    /// The roots of the runs that are open.
    private var roots: [RunID: RunID] = [:]
    private var byteCount = 0

    init(_ dialect: AISDKDialect, maximumByteCount: Int = Self.maximumByteCount) {
        self.dialect = dialect
        self.maximumByteCount = maximumByteCount
    }

    mutating func note(_ event: AgentEvent) {
        guard let run = event.runID else {
            if case .userMessage(let message) = event.payload { ask(message) }
            return
        }
        begin(event, run)
        guard let root = roots[run] else { return }
        let (before, after) = apply(event, to: root)
        byteCount += after - before
        if run == root, event.type?.endsRun == true { end(root, event) }
        trim()
    }

    /// A message that stands in the place of another one takes what came after that from the page too, as its client does.
    private mutating func ask(_ message: UserMessage) {
        let replaced = entries.firstIndex { entry in
            if case .user(let id, id: _, text: _) = entry { id == message.replaces } else { false }
        }
        if let replaced {
            for entry in entries[replaced...] { leave(entry) }
            entries.removeSubrange(replaced...)
        }
        let id = AISDKMember.id(of: message)
        entries.append(.user(message.messageID, id: id, text: message.text))
        byteCount += Self.byteCount(id, message.text)
        trim()
    }

    /// An entry is not in the list any longer.
    private mutating func leave(_ entry: Entry) {
        switch entry {
        case .user(_, let id, let text): byteCount -= Self.byteCount(id, text)
        case .turn(let run): _ = forget(run)
        }
    }

    private static func byteCount(_ id: String, _ text: String) -> Int {
        EncodedSize.message(id: id) + EncodedSize.text(text)
    }

    /// - Returns: the size of the turn before and after the event.
    private mutating func apply(_ event: AgentEvent, to root: RunID) -> (Int, Int) {
        guard let frames = turns[root]?.machine?.receive(event) else { return (0, 0) }
        let before = turns[root]?.reducer.byteCount ?? 0
        for frame in frames { turns[root]?.reducer.apply(frame.json) }
        return (before, turns[root]?.reducer.byteCount ?? 0)
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
            roots[run] = run
            let machine = AISDKStateMachine(dialect, root: run, message: run.rawValue, waitsFrom: .max)
            turns[run] = Turn(machine: machine, reducer: AISDKReducer(maximumByteCount: maximumByteCount))
            // Where the answer stood that is given again, if that is in the list.
            let place = entries.firstIndex { entry in
                if case .turn(let old) = entry { old == retryOf } else { false }
            }
            if let place {
                leave(entries[place])
                entries[place] = .turn(run)
            } else {
                entries.append(.turn(run))
            }
        }
    }

    private mutating func end(_ root: RunID, _ event: AgentEvent) {
        turns[root]?.machine = nil
        roots = roots.filter { $0.value != root }
        if case .agentCancelled(let cancelled) = event.payload, cancelled.isDiscarded { drop(root) }
    }

    // MARK: The bound

    /// Leaves a turn out.
    private mutating func drop(_ root: RunID) {
        guard forget(root) else { return }
        entries.removeAll { entry in
            if case .turn(root) = entry { true } else { false }
        }
    }

    /// - Returns: whether there was such a turn.
    private mutating func forget(_ root: RunID) -> Bool {
        guard let turn = turns.removeValue(forKey: root) else { return false }
        byteCount -= turn.reducer.byteCount
        roots = roots.filter { $0.value != root }
        return true
    }

    /// With too much, half of it goes at once: so that a long thread does not move its messages with each event.
    private mutating func trim() {
        guard byteCount > maximumByteCount, entries.count > 1 else { return }
        var count = 0
        while byteCount > maximumByteCount / 2, count < entries.count - 1 {
            leave(entries[count])
            count += 1
        }
        entries.removeFirst(count)
    }

    /// The messages, oldest first.
    var json: JSONValue {
        .array(
            entries.compactMap { entry in
                switch entry {
                case .user(_, let id, let text):
                    return ["id": .string(id), "role": "user", "parts": [["type": "text", "text": .string(text)]]]
                case .turn(let run):
                    guard let turn = turns[run], turn.machine == nil else { return nil }
                    return ["id": run.json, "role": "assistant", "parts": turn.reducer.json]
                }
            })
    }

    // It is read at once, and followed by nothing.
    mutating func begin() -> [StreamFrame] { [] }
    mutating func receive(_ event: AgentEvent) -> [StreamFrame] { [] }
    var hasEnded: Bool { true }
    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd { .brokenOff }
}
