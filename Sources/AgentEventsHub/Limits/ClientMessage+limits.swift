import AgentEvents
import AgentEventsProtocol

extension ClientMessage.Operation {
    /// The rate that the message counts for.
    var limitKind: MessageLimitStateMachine.Kind {
        switch self {
        case .subscribe(let request): request.snapshot == .atStart ? .snapshot : .subscription
        // A look at a list of threads costs about as much as a state.
        case .watch: .snapshot
        case .emit, .command, .serve, .take, .decline, .renew, .ping: .request
        case .unsubscribe, .acknowledge, .refresh, .unwatch, .pong: .free
        }
    }

    /// The thread that the message is about; `nil` for none.
    var thread: ThreadID? {
        switch self {
        case .subscribe(let request): request.thread
        case .unsubscribe(let thread), .acknowledge(let thread, _): thread
        case .emit(let request): request.thread
        case .command(let request): request.thread
        case .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong: nil
        }
    }
}
