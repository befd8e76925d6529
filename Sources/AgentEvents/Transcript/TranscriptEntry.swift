/// An item of a transcript while it is folded: a message of a user, or a turn of a run.
struct TranscriptEntry: Hashable, Sendable {
    /// Rises from one entry to the next, and stays when others are left out.
    let number: Int
    private(set) var message: TranscriptMessage?
    var turn: Turn?
    /// The size of what may be long.
    var byteCount: Int

    init(number: Int, _ message: TranscriptMessage) {
        self.number = number
        self.message = message
        byteCount = message.byteCount
    }

    init(number: Int, _ turn: Turn) {
        self.number = number
        self.turn = turn
        byteCount = 0
    }

    /// Whether more of it is to come.
    var isOpen: Bool { turn?.isOpen ?? false }

    /// The item; `nil` for a turn in which nothing was said and nothing called.
    var item: TranscriptItem? {
        if let message { return .user(message) }
        return turn.flatMap { $0.isEmpty ? nil : .assistant($0.transcript) }
    }

    /// The texts and calls of a run, up to the next turn.
    struct Turn: Hashable, Sendable {
        let run: RunID
        private let agent: AgentName
        private var thoughts: [Thought] = []
        private var passages: [Passage] = []
        private var calls: [Call] = []

        private struct Thought: Hashable, Sendable {
            let id: ThoughtID
            var text: String
        }

        /// A message, or the part of one that was said in this turn.
        private struct Passage: Hashable, Sendable {
            let message: MessageID
            var text = ""
            var isOpen = true
        }

        private struct Call: Hashable, Sendable {
            let executing: ToolExecuting
            var result: TranscriptResult?
        }

        init(run: RunID, agent: AgentName) {
            self.run = run
            self.agent = agent
        }

        /// Whether nothing was said in it, nor called.
        var isEmpty: Bool { calls.isEmpty && passages.allSatisfy(\.text.isEmpty) }

        fileprivate var isOpen: Bool {
            passages.contains { $0.isOpen } || calls.contains { $0.result == nil }
        }

        fileprivate var transcript: TranscriptTurn {
            TranscriptTurn(
                run: run, agent: agent, thoughts: thoughts.map(\.text),
                text: passages.map(\.text).filter { !$0.isEmpty }.joined(separator: "\n\n"),
                calls: calls.map { call in
                    TranscriptCall(
                        id: call.executing.callID, tool: call.executing.tool, arguments: call.executing.arguments,
                        result: call.result ?? .open)
                })
        }

        // MARK: Changing

        // Each says by how many bytes the turn grows.

        mutating func think(_ thinking: AgentThinking) -> Int {
            if thoughts.last?.id != thinking.thoughtID {
                thoughts.append(Thought(id: thinking.thoughtID, text: ""))
            }
            thoughts[thoughts.count - 1].text += thinking.text
            return thinking.text.utf8.count
        }

        /// The text of a message that was said in this turn.
        func text(of message: MessageID) -> String { passages.last { $0.message == message }?.text ?? "" }

        mutating func append(_ text: String, to message: MessageID) -> Int {
            guard let place = passages.lastIndex(where: { $0.message == message }) else {
                passages.append(Passage(message: message, text: text))
                return text.utf8.count
            }
            passages[place].text += text
            return text.utf8.count
        }

        /// Ends a message.
        ///
        /// - Parameter text: the text in the place of that which was said; `nil` for that.
        mutating func close(_ message: MessageID, text: String? = nil) -> Int {
            if !passages.contains(where: { $0.message == message }) { passages.append(Passage(message: message)) }
            guard let place = passages.lastIndex(where: { $0.message == message }) else { return 0 }
            passages[place].isOpen = false
            guard let text else { return 0 }
            defer { passages[place].text = text }
            return text.utf8.count - passages[place].text.utf8.count
        }

        mutating func remove(_ message: MessageID) -> Int {
            let growth = passages.reduce(0) { $1.message == message ? $0 - $1.text.utf8.count : $0 }
            passages.removeAll { $0.message == message }
            return growth
        }

        mutating func open(_ executing: ToolExecuting) -> Int {
            calls.append(Call(executing: executing))
            return executing.arguments.encoded().count
        }

        mutating func close(_ completed: ToolCompleted) -> Int {
            guard let place = calls.lastIndex(where: { $0.executing.callID == completed.callID && $0.result == nil })
            else { return 0 }
            let result = TranscriptResult(completed)
            calls[place].result = result
            return result.byteCount
        }

        /// The run has ended: nothing more comes. Whatever is open has no end of its own in a log that was trimmed.
        mutating func end() {
            for place in passages.indices { passages[place].isOpen = false }
            for place in calls.indices where calls[place].result == nil { calls[place].result = .abandoned }
        }
    }
}

extension TranscriptMessage {
    init(_ message: UserMessage) {
        self.init(id: message.messageID, author: message.userID, text: message.text, data: message.data)
    }

    /// The size of what may be long.
    var byteCount: Int { text.utf8.count + (data?.encoded().count ?? 0) }
}

extension TranscriptResult {
    /// The result of a call whose end is not there yet.
    static let open = TranscriptResult.failed(code: "tool.open", sentence: "The call has not ended yet.")

    fileprivate static let abandoned = TranscriptResult(
        ToolCompleted(callID: "c", tool: "t", status: .cancelled, error: .abandoned, durationMilliseconds: 0))

    /// The result as a call's end tells it.
    init(_ completed: ToolCompleted) {
        let beginning: String
        switch completed.status {
        case .succeeded:
            self = .succeeded(completed.result)
            return
        case .failed: beginning = "The call failed"
        case .timedOut: beginning = "The call took too long and was ended"
        case .cancelled: beginning = "The call was cancelled"
        case .denied: beginning = "The call was not approved and was not carried out"
        }
        let code = completed.error?.code ?? "tool.\(completed.status.rawValue)"
        let sentence = completed.error.map { "\(beginning): \($0.message) (\(code))." } ?? "\(beginning)."
        self = .failed(code: code, sentence: sentence)
    }

    fileprivate var byteCount: Int {
        switch self {
        case .succeeded(let value): value?.encoded().count ?? 0
        case .failed(let code, let sentence): code.utf8.count + sentence.utf8.count
        }
    }
}
