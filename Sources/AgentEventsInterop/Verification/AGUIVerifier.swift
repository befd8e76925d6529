package import AgentEvents
package import NIOCore

/// The rules by which a client of AG-UI checks a stream, in the form of 1.0.1, and those of clients before 1.0 about types.
package struct AGUIVerifier: FrameVerifier {
    private enum Rule: String, CaseIterable {
        case type = "an event has a type that the client knows"
        case null = "no member is null"
        case phase = "a run begins with RUN_STARTED, and nothing follows its end but another beginning"
        case version = "RUN_STARTED names the version"
        case once = "nothing is opened that is open"
        case open = "what continues or ends is open, and of the same subagent"
        case delta = "a delta is not empty"
        case result = "the content of a result is a text"
        case subagent = "a subagent has a name and an open parent, and starts once"
        case closed = "RUN_FINISHED comes when nothing is open"
        case outcome = "an outcome is one that the client knows, and an interrupt asks something"
        case usage = "counts are whole numbers"
        case size = "a frame has at most 10 MB"
    }

    private enum Phase { case before, running, finished, failed }

    private static let known0: Set<String> = [
        "RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "STEP_STARTED", "STEP_FINISHED", "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END",
        "TOOL_CALL_RESULT", "STATE_SNAPSHOT", "STATE_DELTA", "MESSAGES_SNAPSHOT", "REASONING_START", "REASONING_END",
        "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "CUSTOM", "RAW",
    ]

    package let dialect: AGUIDialect
    private var phase = Phase.before
    private var openTexts: [String: String] = [:]
    private var openCalls: [String: String] = [:]
    private var openReasoning: Set<String> = []
    private var openReasoningMessages: Set<String> = []
    private var openSteps: Set<String> = []
    private var openSubagents: Set<String> = []
    private var usedSubagents: Set<String> = []

    package init(_ dialect: AGUIDialect) { self.dialect = dialect }

    package var rules: [String] {
        [SentMessage.rule] + Rule.allCases.filter { $0 != .version || dialect == .version1 }.map(\.rawValue)
    }

    package var hasEnded: Bool { phase == .finished || phase == .failed }

    package mutating func check(_ frame: ByteBuffer, of event: EventID?) throws(FrameFault) {
        guard frame.readableBytes <= 10_000_000 else {
            throw fault(.size, "the frame has \(frame.readableBytes) bytes")
        }
        try check(SentMessage(frame).object())
    }

    mutating func check(_ frames: [StreamFrame]) throws(FrameFault) { for frame in frames { try check(frame.json) } }

    private func fault(_ rule: Rule, _ description: String) -> FrameFault { FrameFault(rule.rawValue, description) }

    package mutating func check(_ event: JSONObject) throws(FrameFault) {
        guard let type = event["type"]?.stringValue else { throw fault(.type, "an event has a type") }
        for (name, value) in event where value == .null { throw fault(.null, "\(name) of \(type) is null") }
        if dialect == .version0 {
            guard Self.known0.contains(type) else { throw fault(.type, "the type \(type) is unknown before 1.0") }
            if event["outcome"]?["type"] == "cancelled" {
                throw fault(.outcome, "the outcome cancelled is unknown before 1.0")
            }
        }
        switch (phase, type) {
        case (.before, "RUN_STARTED"), (.before, "RUN_ERROR"), (.running, _), (.finished, "RUN_STARTED"),
            (.finished, "RUN_ERROR"), (.failed, "RUN_STARTED"):
            break
        case (.before, _): throw fault(.phase, "the first event is RUN_STARTED, not \(type)")
        case (.finished, _): throw fault(.phase, "\(type) after RUN_FINISHED")
        case (.failed, _): throw fault(.phase, "\(type) after RUN_ERROR")
        }
        try apply(type, event)
    }

    private mutating func apply(_ type: String, _ event: JSONObject) throws(FrameFault) {
        let owner = event["subagentRunId"]?.stringValue ?? ""
        switch type {
        case "RUN_STARTED":
            if phase == .running { throw fault(.phase, "RUN_STARTED in the middle of a run") }
            if dialect == .version1, event["protocolVersion"] != "1.0" {
                throw fault(.version, "RUN_STARTED names no version")
            }
            self = AGUIVerifier(dialect)
            phase = .running
        case "RUN_FINISHED":
            try checkNothingOpen()
            try checkUsage(event)
            if event["outcome"]?["type"] == "interrupt", event["outcome"]?["interrupts"]?.arrayValue?.isEmpty != false {
                throw fault(.outcome, "an interrupt has questions")
            }
            phase = .finished
        case "RUN_ERROR":
            try checkUsage(event)
            phase = .failed
        case "TEXT_MESSAGE_START": try open(&openTexts, event, "messageId", owner)
        case "TEXT_MESSAGE_CONTENT":
            try continued(openTexts, event, "messageId", owner)
            try checkDelta(event)
        case "TEXT_MESSAGE_END": try close(&openTexts, event, "messageId", owner)
        case "TOOL_CALL_START": try open(&openCalls, event, "toolCallId", owner)
        case "TOOL_CALL_ARGS": try continued(openCalls, event, "toolCallId", owner)
        case "TOOL_CALL_END": try close(&openCalls, event, "toolCallId", owner)
        case "TOOL_CALL_RESULT":
            guard event["content"]?.stringValue != nil else {
                throw fault(.result, "the content of a result is a text")
            }
        case "REASONING_START": try insert(&openReasoning, event, "messageId")
        case "REASONING_END": try remove(&openReasoning, event, "messageId")
        case "REASONING_MESSAGE_START": try insert(&openReasoningMessages, event, "messageId")
        case "REASONING_MESSAGE_CONTENT":
            guard openReasoningMessages.contains(event["messageId"]?.stringValue ?? "") else {
                throw fault(.open, "a thought goes on that is not open")
            }
        case "REASONING_MESSAGE_END": try remove(&openReasoningMessages, event, "messageId")
        case "STEP_STARTED": try insert(&openSteps, event, "stepName")
        case "STEP_FINISHED": try remove(&openSteps, event, "stepName")
        case "SUBAGENT_STARTED":
            guard !owner.isEmpty, event["name"]?.stringValue?.isEmpty == false else {
                throw fault(.subagent, "a subagent has a name")
            }
            guard usedSubagents.insert(owner).inserted else {
                throw fault(.subagent, "the subagent \(owner) started before")
            }
            if let parent = event["parentSubagentRunId"]?.stringValue, !openSubagents.contains(parent) {
                throw fault(.subagent, "the parent of \(owner) is not open")
            }
            openSubagents.insert(owner)
        case "SUBAGENT_FINISHED", "SUBAGENT_ERROR":
            guard openSubagents.remove(owner) != nil else { throw fault(.open, "the subagent \(owner) is not open") }
        default: break
        }
    }

    private func checkNothingOpen() throws(FrameFault) {
        let open =
            openTexts.keys.sorted() + openCalls.keys.sorted() + openReasoning.sorted() + openReasoningMessages.sorted()
            + openSteps.sorted() + openSubagents.sorted()
        if let first = open.first { throw fault(.closed, "RUN_FINISHED while \(first) is open") }
    }

    private func checkUsage(_ event: JSONObject) throws(FrameFault) {
        for entry in event["usage"]?.arrayValue ?? [] {
            for (name, value) in entry.objectValue ?? [:] {
                guard let count = value.integerValue, (0..<(1 << 53)).contains(count) else {
                    throw fault(.usage, "the count \(name) is no whole number")
                }
            }
        }
    }

    private func checkDelta(_ event: JSONObject) throws(FrameFault) {
        if event["delta"]?.stringValue?.isEmpty != false { throw fault(.delta, "a delta is not empty") }
    }

    private func open(_ open: inout [String: String], _ event: JSONObject, _ name: String, _ owner: String)
        throws(FrameFault)
    {
        let id = event[name]?.stringValue ?? ""
        guard open.updateValue(owner, forKey: id) == nil else { throw fault(.once, "\(id) is open already") }
    }

    private func continued(_ open: [String: String], _ event: JSONObject, _ name: String, _ owner: String)
        throws(FrameFault)
    {
        let id = event[name]?.stringValue ?? ""
        guard let opener = open[id] else { throw fault(.open, "\(id) is not open") }
        guard opener == owner else { throw fault(.open, "\(id) goes on for another subagent") }
    }

    private func close(_ open: inout [String: String], _ event: JSONObject, _ name: String, _ owner: String)
        throws(FrameFault)
    {
        try continued(open, event, name, owner)
        open[event[name]?.stringValue ?? ""] = nil
    }

    private func insert(_ open: inout Set<String>, _ event: JSONObject, _ name: String) throws(FrameFault) {
        let id = event[name]?.stringValue ?? ""
        guard open.insert(id).inserted else { throw fault(.once, "\(id) is open already") }
    }

    private func remove(_ open: inout Set<String>, _ event: JSONObject, _ name: String) throws(FrameFault) {
        let id = event[name]?.stringValue ?? ""
        guard open.remove(id) != nil else { throw fault(.open, "\(id) is not open") }
    }
}
