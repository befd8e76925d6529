internal import AgentEvents

/// Threads with a run that waits for a worker, each once: the users take turns, and a user's threads come in their order.
///
/// So somebody with a thousand runs delays nobody else by more than one of them for each turn.
package struct WaitingLine: Sendable {
    private var threads: [UserID: Deque<ThreadID>] = [:]
    /// Those who have threads, in the order of their turns.
    private var turns = Deque<UserID>()
    private var known: Set<ThreadID> = []

    package init() {}

    package var isEmpty: Bool { known.isEmpty }

    package mutating func append(_ waiting: WorkersStateMachine.WaitingThread) {
        guard known.insert(waiting.thread).inserted else { return }
        if threads[waiting.user] == nil { turns.append(waiting.user) }
        threads[waiting.user, default: Deque()].append(waiting.thread)
    }

    package mutating func popFirst() -> WorkersStateMachine.WaitingThread? {
        guard let user = turns.popFirst(), let thread = threads[user]?.popFirst() else { return nil }
        if threads[user]?.isEmpty == true {
            threads[user] = nil
        } else {
            turns.append(user)
        }
        known.remove(thread)
        return WorkersStateMachine.WaitingThread(thread: thread, user: user)
    }
}
