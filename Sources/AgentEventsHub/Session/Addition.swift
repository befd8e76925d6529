import AgentEvents
import AgentEventsProtocol

/// A request that adds events to a thread.
enum Addition: Sendable {
    case emit(EmitRequest)
    /// In a box, so that emissions stay small.
    indirect case command(CommandRequest)

    var thread: ThreadID {
        switch self {
        case .emit(let request): request.thread
        case .command(let request): request.thread
        }
    }

    var use: ThreadUse {
        switch self {
        case .emit: .emit
        case .command(let request): request.use
        }
    }
}
