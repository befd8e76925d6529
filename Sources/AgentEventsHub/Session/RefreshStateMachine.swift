import AgentEvents

/// Decides when the messages of a connection are carried out whose credentials are being replaced: what comes after a refresh is
/// carried out with the new credentials, so it waits until they are known.
///
///     idle ── refresh ──> authenticating ── authenticated, nothing waits ──> idle
///                           │       ^ └── another refresh waits ──> authenticating
///                           └ message: it waits
///
/// What waits is bounded: nothing is read from the client meanwhile, so it is at most what had arrived before.
struct RefreshStateMachine<Message> {
    private var isAuthenticating = false
    private var waiting = Deque<Message>()

    /// Nothing is authenticated, and nothing waits for that.
    var isIdle: Bool { !isAuthenticating && waiting.isEmpty }

    /// A message has come.
    ///
    /// - Returns: whether to carry it out at once. Otherwise it waits, and ``next()`` gives it out.
    mutating func receive(_ message: Message) -> Bool {
        guard isIdle else {
            waiting.append(message)
            return false
        }
        return true
    }

    /// A refresh is carried out; ``authenticated()`` follows.
    mutating func begin() { isAuthenticating = true }

    /// The new credentials were looked at, whatever came of it. Then ``next()`` is asked until there is none.
    mutating func authenticated() { isAuthenticating = false }

    /// The next message to carry out; `nil` when there is none, or credentials are being looked at.
    mutating func next() -> Message? { isAuthenticating ? nil : waiting.popFirst() }

    /// The connection is gone: nothing waits any longer.
    mutating func end() { self = Self() }
}
