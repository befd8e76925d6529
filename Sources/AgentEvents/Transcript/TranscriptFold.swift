/// Makes the ``Transcript`` of a thread from its events, one after the other. A pure fold: whoever continues it with the events that
/// have come since has the same as whoever begins again.
///
/// The transcript of a thread tells of its runs without a parent, and that of a child run of that run alone: what a child does is the
/// result of the call that has started it.
///
/// - A message of a user stands where a run has taken it: at the start of the run that answers it, or where a run under way took it as
///   input. A run that names no messages takes those that nobody else is to answer. As long as nobody has taken a message, and while
///   the run is queued that will, it is left out. Done again (`retry_of`), it is asked again, and stands there once more.
/// - What a run has said is left out when it broke off and was said again (`interrupted`), or is not in the role of the assistant, and
///   everything of a run that was `discarded`; so is a message that another one `replaces`.
/// - A turn is what a run says and calls up to the first result after which it says or calls something new, or up to the next input.
/// - Each call has one result. That of a call that has not ended says so (`tool.open`).
///
/// Of a thread that was trimmed, or is read from its middle, runs are left out whose beginning is not there.
public struct TranscriptFold: Hashable, Sendable {
    /// The limits on what is kept. Beyond them the oldest items go, each as a whole; one that is still open stays.
    public struct Limits: Hashable, Sendable {
        /// The most items; at least 1.
        public var itemCount = ThreadState.Limits().messageCount
        /// The most bytes of texts, data, arguments and results, together. The last item stays, however large it is.
        public var byteCount = ThreadState.Limits().messageByteCount

        /// 200 items with 512 KiB.
        public init() {}
    }

    public let limits: Limits
    /// Whether turns have the thoughts of their runs.
    public let includesThoughts: Bool
    /// The id of the last event applied; `nil` before the first one.
    public private(set) var cursor: Cursor?
    /// The run that it is about, when that is a child; `nil` for the runs of the thread.
    private(set) var child: RunID?
    /// Whether older items were left out because of the limits.
    private(set) var hasDropped = false
    private var isComplete = true

    private var entries: [TranscriptEntry] = []
    private var byteCount = 0
    private var lastNumber = 0
    private var runs: [RunID: OpenRun] = [:]
    /// The messages that others have replaced lately, the latest at the end.
    package private(set) var replaced: [MessageID] = []
    private static let replacedCount = 64
    /// The messages that nobody has taken, in their order.
    private var waiting: [WaitingMessage] = []

    private struct OpenRun: Hashable, Sendable {
        let agent: AgentName
        /// The number of the turn under way; `nil` when the next thing said begins one.
        var turn: Int?
        /// Whether a call of that turn has its result.
        var hasResult = false
        /// The turns in which the open messages were said.
        var messages: [MessageID: [Int]] = [:]
        /// The turns of the open calls.
        var calls: [CallID: Int] = [:]
    }

    private struct WaitingMessage: Hashable, Sendable {
        let message: TranscriptMessage
        /// The run that is to answer it, or was given it.
        var run: RunID?
        /// Whether the run that was to answer it has ended, and none does unless it names the message.
        var isLeft = false
    }

    /// - Parameters:
    ///   - includesThoughts: whether turns have the thoughts of their runs.
    ///   - limits: what is kept.
    public init(includesThoughts: Bool = false, limits: Limits = Limits()) {
        self.includesThoughts = includesThoughts
        self.limits = limits
    }

    /// The transcript as of the last event. Calls that are open have a result that says so.
    public func closed() -> Transcript {
        Transcript(items: entries.compactMap(\.item), isComplete: isComplete)
    }

    /// A fold that begins anywhere.
    ///
    /// - Parameters:
    ///   - child: the run that it is about, when that is a child.
    ///   - isComplete: whether nothing comes before the first event that will be applied.
    func emptied(for child: RunID?, isComplete: Bool) -> TranscriptFold {
        var fold = TranscriptFold(includesThoughts: includesThoughts, limits: limits)
        fold.child = child
        fold.isComplete = isComplete
        return fold
    }

    /// Applies the thread's next event. Nothing is checked and nothing can fail: the event was accepted once.
    public mutating func apply(_ event: AgentEvent) {
        cursor = event.id
        switch event.payload {
        case .userMessage(let message):
            receive(message)
        case .agentQueued(let queued):
            if let run = event.runID { claim(queued.messageIDs, for: run) }
        case .agentStarted(let started):
            start(started, by: event)
        case .inputTaken(let taken):
            if let run = event.runID { take(taken.messageIDs, by: run) }
        case .agentThinking(let thinking):
            if includesThoughts { change(event.runID) { turn, _, _ in turn.think(thinking) } }
        case .messageDelta(let delta):
            append(delta, of: event.runID)
        case .messageCompleted(let completed):
            if let run = event.runID, runs[run] != nil { complete(completed, of: run) }
        case .toolExecuting(let executing):
            change(event.runID) { turn, open, number in
                open.calls[executing.callID] = number
                return turn.open(executing)
            }
        case .toolCompleted(let completed):
            if let run = event.runID { complete(completed, of: run) }
        case .agentCompleted, .agentFailed:
            if let run = event.runID { end(run, isDiscarded: false) }
        case .agentCancelled(let cancelled):
            if let run = event.runID { end(run, isDiscarded: cancelled.isDiscarded) }
        case .agentProgress, .toolProgress, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .stateUpdated, .custom, .unknown:
            return
        }
        dropOldest()
    }

    // MARK: Messages of users

    private mutating func receive(_ message: UserMessage) {
        if let replaced = message.replaces {
            removeEntries { $0.message?.id == replaced }
            waiting.removeAll { $0.message.id == replaced }
            self.replaced.append(replaced)
            if self.replaced.count > Self.replacedCount { self.replaced.removeFirst() }
        }
        let run = message.givenTo.flatMap { runs[$0] == nil ? nil : $0 }
        waiting.append(WaitingMessage(message: TranscriptMessage(message), run: run))
        dropWaiting()
    }

    private mutating func claim(_ messages: [MessageID], for run: RunID) {
        for place in waiting.indices where messages.contains(waiting[place].message.id) {
            waiting[place].run = run
            waiting[place].isLeft = false
        }
    }

    private mutating func start(_ started: AgentStarted, by event: AgentEvent) {
        guard let run = event.runID, let agent = event.agent,
            child.map({ $0 == run }) ?? (started.parentRunID == nil)
        else { return }
        runs[run] = OpenRun(agent: agent)
        var messages = started.messageIDs
        if messages.isEmpty { messages = waiting.filter { $0.run == run }.map(\.message.id) }
        if messages.isEmpty, child == nil {
            messages = waiting.filter { $0.run == nil && !$0.isLeft }.map(\.message.id)
        }
        take(messages, by: run)
    }

    private mutating func take(_ messages: [MessageID], by run: RunID) {
        guard runs[run] != nil else { return }
        for id in messages {
            let message: TranscriptMessage
            if let place = waiting.firstIndex(where: { $0.message.id == id }) {
                message = waiting.remove(at: place).message
            } else if let known = entries.last(where: { $0.message?.id == id })?.message {
                message = known
            } else {
                continue
            }
            add(TranscriptEntry(number: nextNumber(), message))
            runs[run]?.turn = nil
        }
    }

    /// Those that somebody is to answer are few, and they stay.
    private mutating func dropWaiting() {
        var free = waiting.indices.filter { waiting[$0].run == nil }
        var byteCount = free.reduce(0) { $0 + waiting[$1].message.byteCount }
        while free.count > 1, free.count > limits.itemCount || byteCount > limits.byteCount {
            let dropped = waiting.remove(at: free[0])
            byteCount -= dropped.message.byteCount
            if !dropped.isLeft { isComplete = false }
            free = waiting.indices.filter { waiting[$0].run == nil }
        }
    }

    // MARK: Turns

    /// Changes the turn of a run that is under way, or the next one that this begins.
    ///
    /// - Parameter change: is given the turn, the run and the number of the turn, and says by how many bytes the turn grows.
    private mutating func change(
        _ run: RunID?,
        _ change: (inout TranscriptEntry.Turn, inout OpenRun, Int) -> Int
    ) {
        guard let run, var open = runs[run] else { return }
        if open.turn.flatMap({ place(of: $0) }) == nil || open.hasResult {
            let number = nextNumber()
            add(TranscriptEntry(number: number, TranscriptEntry.Turn(run: run, agent: open.agent)))
            open.turn = number
            open.hasResult = false
        }
        guard let number = open.turn, let place = place(of: number), var turn = entries[place].turn else { return }
        // Otherwise the text would be copied with each fragment.
        entries[place].turn = nil
        let growth = change(&turn, &open, number)
        entries[place].turn = turn
        runs[run] = open
        grow(at: place, by: growth)
    }

    private mutating func append(_ delta: MessageDelta, of run: RunID?) {
        change(run) { turn, open, number in
            if open.messages[delta.messageID]?.last != number {
                open.messages[delta.messageID, default: []].append(number)
            }
            return turn.append(delta.text, to: delta.messageID)
        }
    }

    private mutating func complete(_ completed: MessageCompleted, of run: RunID) {
        let message = completed.messageID
        let turns = runs[run]?.messages.removeValue(forKey: message) ?? []
        guard !completed.isInterrupted, completed.role == .assistant else {
            for number in turns { remove(message, fromTurn: number, of: run) }
            return
        }
        guard let last = turns.last else {
            return change(run) { turn, _, _ in turn.close(message, text: completed.text) }
        }
        // What was said in earlier turns stays there.
        var text = completed.text
        let earlier = turns.dropLast().map { number in
            place(of: number).flatMap { entries[$0].turn?.text(of: message) } ?? ""
        }.joined()
        if completed.text.utf8.starts(with: earlier.utf8) {
            text = String(decoding: completed.text.utf8.dropFirst(earlier.utf8.count), as: UTF8.self)
            for number in turns.dropLast() { changeTurn(number) { $0.close(message) } }
        } else {
            for number in turns.dropLast() { remove(message, fromTurn: number, of: run) }
        }
        changeTurn(last) { $0.close(message, text: text) }
    }

    /// Leaves out what was said of a message in a turn, and the turn when there was nothing else in it.
    private mutating func remove(_ message: MessageID, fromTurn number: Int, of run: RunID) {
        changeTurn(number) { $0.remove(message) }
        guard let place = place(of: number), entries[place].turn?.isEmpty ?? false, !entries[place].isOpen else {
            return
        }
        removeEntries { $0.number == number }
        if runs[run]?.turn == number { runs[run]?.turn = nil }
    }

    private mutating func complete(_ completed: ToolCompleted, of run: RunID) {
        guard let number = runs[run]?.calls.removeValue(forKey: completed.callID) else { return }
        changeTurn(number) { $0.close(completed) }
        if runs[run]?.turn == number { runs[run]?.hasResult = true }
    }

    private mutating func end(_ run: RunID, isDiscarded: Bool) {
        for place in waiting.indices where waiting[place].run == run {
            waiting[place].run = nil
            waiting[place].isLeft = true
        }
        guard runs.removeValue(forKey: run) != nil else { return }
        if isDiscarded { return removeEntries { $0.turn?.run == run } }
        for place in entries.indices where entries[place].turn?.run == run { entries[place].turn?.end() }
        removeEntries { $0.turn.map { $0.run == run && $0.isEmpty } ?? false }
    }

    // MARK: Entries

    private mutating func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    private func place(of number: Int) -> Int? { entries.lastIndex { $0.number == number } }

    private mutating func add(_ entry: TranscriptEntry) {
        entries.append(entry)
        byteCount += entry.byteCount
    }

    private mutating func changeTurn(_ number: Int, _ change: (inout TranscriptEntry.Turn) -> Int) {
        guard let place = place(of: number), var turn = entries[place].turn else { return }
        entries[place].turn = nil
        let growth = change(&turn)
        entries[place].turn = turn
        grow(at: place, by: growth)
    }

    private mutating func grow(at place: Int, by growth: Int) {
        entries[place].byteCount += growth
        byteCount += growth
    }

    private mutating func removeEntries(where isRemoved: (TranscriptEntry) -> Bool) {
        byteCount -= entries.reduce(0) { isRemoved($1) ? $0 + $1.byteCount : $0 }
        entries.removeAll(where: isRemoved)
    }

    private mutating func dropOldest() {
        while entries.count > 1, entries.count > limits.itemCount || byteCount > limits.byteCount {
            guard let oldest = entries.dropLast().firstIndex(where: { !$0.isOpen }) else { return }
            byteCount -= entries.remove(at: oldest).byteCount
            hasDropped = true
            isComplete = false
        }
    }
}
