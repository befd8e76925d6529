import AgentEvents
import AgentEventsTracing

/// Events of a thread, one after the other, a second apart.
struct Script {
    let thread: ThreadID
    private(set) var events: [AgentEvent] = []
    private static let start: Int64 = 1_795_226_400_000

    init(thread: ThreadID = "t_1") { self.thread = thread }

    static func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: start + 1000 * seconds) }

    /// Adds an event of a run, and gives it.
    @discardableResult
    mutating func add(_ payload: EventPayload, run: RunID? = "r_1", agent: AgentName? = "guide") -> AgentEvent {
        let number = UInt64(events.count + 1)
        let event = AgentEvent(
            id: EventID(generation: 3, sequence: number), threadID: thread, runID: run, agent: run == nil ? nil : agent,
            time: Self.time(Int64(number)), payload: payload)
        events.append(event)
        return event
    }

    mutating func message(_ id: MessageID, _ trace: TraceContext?) {
        add(.userMessage(UserMessage(messageID: id, userID: "u_1", text: "hidden", trace: trace)), run: nil)
    }

    mutating func begin(
        _ run: RunID = "r_1",
        parent: RunID? = nil,
        call: CallID? = nil,
        messages: [MessageID] = [],
        trace: TraceContext? = nil
    ) {
        let started = AgentStarted(
            input: "hidden", parentRunID: parent, parentCallID: call, messageIDs: messages, trace: trace)
        add(.agentStarted(started), run: run)
    }

    mutating func call(_ id: CallID, run: RunID = "r_1") {
        let call = ToolExecuting(callID: id, tool: "search", arguments: ["q": "hidden"], purpose: "hidden")
        add(.toolExecuting(call), run: run)
    }

    mutating func complete(
        _ id: CallID,
        _ status: ToolStatus = .succeeded,
        error: ToolFailure? = nil,
        run: RunID = "r_1"
    ) {
        let completed = ToolCompleted(
            callID: id, tool: "search", status: status, result: "hidden", error: error, durationMilliseconds: 1500)
        add(.toolCompleted(completed), run: run)
    }

    mutating func end(_ run: RunID = "r_1", usage: TokenUsage? = nil) {
        add(.agentCompleted(AgentCompleted(result: "hidden", usage: usage, durationMilliseconds: 2500)), run: run)
    }

    /// The spans that a machine makes of all events, without anything that came before.
    func spans(_ machine: inout TraceStateMachine) -> [TraceSpan] {
        events.flatMap { event -> [TraceSpan] in
            var reception = machine.receive(event)
            if case .needs = reception { reception = machine.receive(event, isRecalled: true) }
            guard case .spans(let spans) = reception else { return [] }
            return spans
        }
    }

    var spans: [TraceSpan] {
        var machine = TraceStateMachine()
        return spans(&machine)
    }
}

extension TraceSpan {
    func text(_ name: String) -> String? {
        for attribute in attributes where attribute.name == name {
            switch attribute.value {
            case .text(let text): return text
            case .integer(let integer): return "\(integer)"
            case .flag(let flag): return "\(flag)"
            }
        }
        return nil
    }
}

let caller = TraceContext(
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1")
