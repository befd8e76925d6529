import AgentEvents

/// Who makes the events of a thread: an agent in the service's process, or a program elsewhere that sends its events with
/// a key, again and again until it is answered, and survives the service.
struct Producer {
    enum State: Equatable {
        case free
        /// The log's buffer is full.
        case awaitsRoom
        /// Goes on when this is committed.
        case awaitsCommit(ids: [EventID])
    }

    struct Request {
        var key: IdempotencyKey
        var drafts: [EventDraft]
        /// The script, once it is answered.
        var script: AgentScript
    }

    let isRemote: Bool
    var script: AgentScript
    var state = State.free
    /// Not answered yet.
    var request: Request?
    /// Whether the agent has one of the slots of the service.
    var hasSlot = false
    private let thread: Int
    private var lastKey = 0

    init(thread: Int, isRemote: Bool) {
        self.thread = thread
        self.isRemote = isRemote
        script = AgentScript(thread: thread)
    }

    /// The request to send: the last one again, or a new one.
    mutating func takeRequest(_ random: inout SimulationRandom) -> Request {
        if let request { return request }
        let (drafts, script) = script.next(&random)
        self.script.passOver(script)
        lastKey += 1
        let key = IdempotencyKey(text: IdentifierText(unchecked: "k\(thread)_\(lastKey)"))
        let new = Request(key: key, drafts: drafts, script: script)
        request = new
        return new
    }

    /// Leaves the run as it is, and begins another one.
    mutating func giveUp() {
        request = nil
        script.forget()
    }

    /// The service is gone, and with it an agent that ran in it.
    mutating func serviceEnded() {
        state = .free
        hasSlot = false
        if !isRemote { script.forget() }
    }
}
