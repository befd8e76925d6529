import AgentEvents
import NIOCore

/// The way in which a client comes to a stream.
enum StreamBeginning: Hashable, Sendable {
    /// The run begins, and the client is the one that has asked for it.
    case run
    /// The run has waited for people, and continues after their answers.
    case continuation
    /// The run is under way, or there is none to follow.
    case join
}

/// Begins the streams of one protocol. It notes every event, after the streams that are open have received it.
protocol FrameSource: Sendable {
    associatedtype Translation: StreamTranslation

    /// Whether a client that joins is told its run from the beginning on.
    static var replays: Bool { get }

    /// The bytes after the last frame of a stream.
    static var ending: StaticString { get }

    var verifier: any FrameVerifier { get }

    /// - Parameter root: the run without a parent that the event belongs to; `nil` for an event of the thread.
    mutating func note(_ event: AgentEvent, root: RunID?)

    /// A stream that begins after everything that was noted.
    ///
    /// - Parameter root: `nil` to show the thread.
    func stream(_ root: RunID?, _ beginning: StreamBeginning) -> (Translation, any FrameVerifier)?
}

/// The streams of AG-UI: of a run that a client posts a message for, and by CopilotKit's `connect` of one under way.
struct AGUIFrameSource: FrameSource {
    static let replays = false
    static let ending: StaticString = ""

    private let dialect: AGUIDialect
    /// Has noted the thread.
    private var thread: AGUIStateMachine

    init(_ dialect: AGUIDialect, _ thread: ThreadID) {
        self.dialect = dialect
        self.thread = AGUIStateMachine(
            dialect, thread: thread.rawValue, run: "", root: nil, start: 0, isJoin: true)
    }

    var verifier: any FrameVerifier { AGUIVerifier(dialect) }

    mutating func note(_ event: AgentEvent, root: RunID?) { thread.note(event) }

    /// A client has a `runId` of its own; here it is ours.
    func stream(_ root: RunID?, _ beginning: StreamBeginning) -> (AGUIStateMachine, any FrameVerifier)? {
        (thread.following(root, as: root?.rawValue ?? "connect", isJoin: beginning != .run), verifier)
    }
}

/// The streams of the AI SDK: one message for each run, and one more with the rest of it after each question.
struct AISDKFrameSource: FrameSource {
    static let replays = true
    static let ending = AISDKChunks.ending

    private let dialect: AISDKDialect
    /// The last event before the range.
    private let start: UInt64
    /// Have noted the runs that are open.
    private var runs: [RunID: AISDKStateMachine] = [:]

    init(_ dialect: AISDKDialect, start: UInt64) {
        self.dialect = dialect
        self.start = start
    }

    var verifier: any FrameVerifier { AISDKClient(dialect) }

    private func machine(_ root: RunID, waitsFrom: UInt64) -> AISDKStateMachine {
        AISDKStateMachine(dialect, root: root, message: root.rawValue, waitsFrom: waitsFrom)
    }

    mutating func note(_ event: AgentEvent, root: RunID?) {
        guard let root else { return }
        if event.runID == root, event.type?.endsRun == true {
            runs[root] = nil
        } else {
            let begun = machine(root, waitsFrom: .max)
            runs[root, default: begun].note(event)
        }
    }

    func stream(_ root: RunID?, _ beginning: StreamBeginning) -> (AISDKStateMachine, any FrameVerifier)? {
        guard let root else { return nil }
        switch beginning {
        case .run:
            return (machine(root, waitsFrom: start), verifier)
        case .join:
            // Clients resume the run that a thread works at, and no other one.
            return nil
        case .continuation:
            let noted = (runs[root] ?? machine(root, waitsFrom: .max)).continued()
            return (noted, AISDKClient(dialect, calls: noted.openCalls))
        }
    }
}
