import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsChecks

/// The pattern that is written for a recording matches it, however wildly its runs, calls and messages overlap. Only its
/// shape is read here, without what it asks of each event.
@Suite struct RandomExpectationTests {
    @Test(arguments: UInt64(0)..<100)
    func thePatternOfARandomThreadMatchesIt(seed: UInt64) throws {
        let events = try RandomThread(seed: seed).events
        // From its start, and from the middle.
        for start in [0, events.count / 3] {
            let rest = Array(events[start...])
            let sources = PatternArrangement.patterns(of: RecordedThread(rest).topParts, isTop: true)
            let pattern = try sources.map(Self.pattern).reduce(EventPattern.nothing) { $0.then($1) }
            // Runs without an end are reported as well.
            let failures = EventExpectation { pattern }.failures(of: rest).filter { !$0.contains("not well-formed") }
            #expect(failures == [], "seed \(seed), from event \(start + 1)")
            // Of a thought any number of fragments will do.
            guard rest.count > 1, rest.last?.type != .agentThinking else { continue }
            let shorter = EventExpectation { pattern }.failures(of: rest.dropLast())
            #expect(shorter.contains { !$0.contains("not well-formed") }, "seed \(seed), without the last event")
        }
    }

    @Test func theThreadsAreWild() throws {
        let names = try (UInt64(0)..<100).flatMap { seed in
            let thread = RecordedThread(try RandomThread(seed: seed).events)
            return PatternArrangement.patterns(of: thread.topParts, isTop: true).flatMap(Self.names)
        }
        for name in [
            "anyOrder", "sequence", "run", "tool", "message", "agentThinking", "toolExecuting", "userMessage",
            "agentQueued", "usageReported",
        ] {
            #expect(names.count { $0 == name } >= 5, "\(name)")
        }
    }

    private static func names(_ source: PatternSource) -> [String] { [source.name] + source.body.flatMap(names) }

    private static func pattern(_ source: PatternSource) throws -> EventPattern {
        let body = try source.body.map(pattern).reduce(EventPattern.nothing) { $0.then($1) }
        return switch source.name {
        case "agentStarted": .agentStarted(agent: try agent(source))
        case "agentQueued": .agentQueued(agent: try agent(source))
        case "inputTaken": .inputTaken()
        case "agentThinking": .agentThinking()
        case "agentProgress": .agentProgress()
        case "message": .message()
        case "messageDelta": .messageDelta()
        case "messageCompleted": .messageCompleted()
        case "tool": .tool(try tool(source), status: status(source) ?? .succeeded) { body }
        case "toolExecuting": .toolExecuting(try tool(source))
        case "toolProgress": .toolProgress()
        case "toolCompleted": .toolCompleted(try tool(source), status: status(source))
        case "approvalRequested": .approvalRequested()
        case "approvalResolved": .approvalResolved()
        case "usageReported": .usageReported()
        case "agentPaused": .agentPaused()
        case "agentResumed": .agentResumed()
        case "agentCompleted": .agentCompleted()
        case "agentFailed": .agentFailed()
        case "agentCancelled": .agentCancelled()
        case "userMessage": .userMessage()
        case "stateUpdated": .stateUpdated()
        case "custom": .custom()
        case "run": .run(agent: try agent(source)) { body }
        case "anyOrder": .anyOrder { body }
        case "sequence": .sequence { body }
        default: throw UnknownPatternError(name: source.name)
        }
    }

    private struct UnknownPatternError: Error {
        let name: String
    }

    /// What stands between the first quotation marks.
    private static func agent(_ source: PatternSource) throws -> AgentName? {
        try source.arguments.first { $0.hasPrefix("agent: ") }.map { try AgentName($0.split(separator: "\"")[1]) }
    }

    private static func tool(_ source: PatternSource) throws -> ToolName {
        try ToolName(source.arguments[0].split(separator: "\"")[0])
    }

    private static func status(_ source: PatternSource) -> ToolStatus? {
        guard let argument = source.arguments.first(where: { $0.hasPrefix("status: .") }) else { return nil }
        return ToolStatus.allCases.first { "status: .\($0)" == argument }
    }
}
