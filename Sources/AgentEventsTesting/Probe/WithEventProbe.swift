public import AgentEvents
public import Testing

/// Takes the events of a thread one by one, for the length of a scope.
///
/// ```swift
/// try await withEventProbe(of: runtime, thread: "t_7") { probe in
///     async let answer = ask("Where is the parser?", runtime)
///     try await probe.next(.agentStarted)
///     let call = try await probe.skip(until: .toolExecuting)
///     …
///     try await probe.expectEnd()
/// }
/// ```
///
/// At the end of the scope every event of the thread has to be taken, and every run to be ended; the events are checked
/// to be well-formed as `expectEvents` does. When the scope throws, only its error is reported.
///
/// - Parameters:
///   - runtime: runs while the scope does.
///   - after: the event after which the probe begins; `nil` for the start of the thread.
///   - timeLimit: how long a method waits for an event. Default: a minute; it is for what hangs.
///   - clock: what the limit is measured on.
///   - exhaustivity: whether every event has to be taken.
///   - policy: how strictly the order of runs is checked.
@discardableResult
public func withEventProbe<Result>(
    of runtime: AgentRuntime,
    thread: ThreadID,
    after: Cursor? = nil,
    timeLimit: Duration = .seconds(60),
    clock: any Clock<Duration> = ContinuousClock(),
    exhaustivity: Exhaustivity = .on,
    policy: OrderPolicy = .standard,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (EventProbe) async throws -> Result
) async throws -> Result {
    // Told of commits before the first page is read, so that none falls between the two.
    let signal = CommitSignal(thread: thread)
    runtime.hub.add(signal)
    defer { runtime.hub.remove(signal) }
    let probe = EventProbe(
        of: runtime, thread: thread, after: after?.sequence ?? 0, signal: signal, timeLimit: timeLimit, clock: clock)
    let result = try await body(probe)
    let rest = try await probe.rest()
    if !rest.isEmpty, exhaustivity == .on {
        TestIssue.record(FaultList.text("Events were not taken", rest.map(EventProbe.text)), sourceLocation)
    }
    let faults = validate(events: probe.taken + rest, policy: policy)
    if !faults.isEmpty { TestIssue.record(FaultList.wellFormedness(faults), sourceLocation) }
    return result
}
