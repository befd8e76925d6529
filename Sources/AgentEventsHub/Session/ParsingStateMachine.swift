import AgentEvents

/// Decides where the messages of a connection are parsed, so that they are carried out in the order in which they came:
/// small ones at once, on the event loop, large ones elsewhere; what comes meanwhile waits.
///
///     idle -> parsing elsewhere -> idle
///
/// What waits is bounded: nothing is read from the client meanwhile, so it is at most what had arrived before.
struct ParsingStateMachine<Message> {
    private var isElsewhere = false
    private var waiting = Deque<(message: Message, isLarge: Bool)>()

    /// Nothing is parsed elsewhere, and nothing waits for that.
    var isIdle: Bool { !isElsewhere && waiting.isEmpty }

    enum Action {
        case none
        /// Parse the message at once, and ask for the next one.
        case parse(Message)
        /// Have the message parsed elsewhere; ``parsedElsewhere()`` follows.
        case parseElsewhere(Message)
    }

    /// A message has come.
    ///
    /// - Returns: whether to parse it at once. Otherwise it waits, and ``next()`` says what to do with it.
    mutating func receive(_ message: Message, isLarge: Bool) -> Bool {
        guard isLarge || !isIdle else { return true }
        waiting.append((message, isLarge))
        return false
    }

    /// The message that was parsed elsewhere is ready. Carry it out before the next call of ``next()``.
    mutating func parsedElsewhere() { isElsewhere = false }

    /// To be asked for again until there is none.
    mutating func next() -> Action {
        guard !isElsewhere, let first = waiting.popFirst() else { return .none }
        guard first.isLarge else { return .parse(first.message) }
        isElsewhere = true
        return .parseElsewhere(first.message)
    }

    /// The connection is gone: nothing waits any longer.
    mutating func end() { self = Self() }
}
