public import AgentEvents
public import Testing

/// Expects the events that a sink has received of a thread to match a pattern, all of them and in their order.
///
/// ```swift
/// expectEvents(in: sink, thread: "t_7") {
///     .agentStarted(agent: "guide")
///     .tool("search_files")
///     .message(containing: "Found")
///     .agentCompleted()
/// }
/// ```
///
/// Whatever the pattern says, the events are checked to be well-formed: dense numbers, and runs that begin and end as
/// they must. What is wrong is an issue of the running test, with the pattern beside the events and the first difference
/// marked.
///
/// - Parameters:
///   - sink: has everything once `withAgentRuntime` has returned.
///   - exhaustivity: whether every event has to be matched.
///   - policy: how strictly the order of runs is checked.
/// - Returns: whether all is right.
@discardableResult
public func expectEvents(
    in sink: InMemorySink,
    thread: ThreadID,
    exhaustivity: Exhaustivity = .on,
    policy: OrderPolicy = .standard,
    sourceLocation: SourceLocation = #_sourceLocation,
    @EventPatternBuilder _ pattern: () -> EventPattern
) -> Bool {
    expectEvents(
        in: sink.events(in: thread), exhaustivity: exhaustivity, policy: policy, sourceLocation: sourceLocation,
        pattern)
}

/// Expects the events of one thread, wherever they come from, to match a pattern, all of them and in their order.
///
/// - Parameters:
///   - events: of one thread, in the order in which they came.
///   - exhaustivity: whether every event has to be matched.
///   - policy: how strictly the order of runs is checked.
/// - Returns: whether all is right.
@discardableResult
public func expectEvents(
    in events: [AgentEvent],
    exhaustivity: Exhaustivity = .on,
    policy: OrderPolicy = .standard,
    sourceLocation: SourceLocation = #_sourceLocation,
    @EventPatternBuilder _ pattern: () -> EventPattern
) -> Bool {
    let failures = EventExpectation(exhaustivity: exhaustivity, policy: policy, pattern).failures(of: events)
    for failure in failures { TestIssue.record(failure, sourceLocation) }
    return failures.isEmpty
}
