public import AgentEvents
import AgentEventsChecks
public import Testing

/// Expects that an agent survives everything that people and machines do to its runs: it is run once undisturbed, then once
/// for each event of that run with a stop after it, once with a pause and once with the death of its process, and with each
/// of its questions answered with a no, by nobody, and while it is paused.
///
/// ```swift
/// @Test func theGuideSurvivesCommands() async {
///     await survivesCommands("guide") { run in
///         try await guide.respond(to: UserPrompt(text: "Where is the parser?", messageID: "m_1", author: "u_1"), run: run)
///     }
/// }
/// ```
///
/// An agent survives when
/// - its run completes where nobody stops it: after a pause, a yes, a no, and no answer in time;
/// - its code returns soon after its run was stopped, which its task is cancelled for;
/// - it does nothing while it is paused that a paused run does not do;
/// - nothing is left open, and the events are well-formed;
/// - it does nothing without a yes, and nothing twice, as far as `effects` can tell;
/// - it answers again after its process has died.
///
/// The first thing that it does not survive is reported as an issue, in one message. The time of the runtime stands still
/// (approvals expire at once where they do), and each event is looked at before the agent continues: the same agent is told
/// the same every time, as far as it does one thing after the other.
///
/// - Parameters:
///   - agent: the name under which it runs.
///   - input: what stands in `agent_started`.
///   - failsWhenRefused: whether a no, or no answer, may fail its run.
///   - effects: the number of things done so far for which the agent needs a yes, such as the deployments of a stand-in; `nil`
///     when nobody counts them.
///   - maximumEventCount: the events after which it is disturbed, the first ones. Default: 100.
///   - timeLimit: the time in which its code returns. Default: a minute; it is for what hangs, and code that does is left running.
///   - clock: what the limit is measured on.
///   - body: the agent. It is called again and again.
public func survivesCommands(
    _ agent: AgentName = "agent",
    input: JSONValue? = nil,
    failsWhenRefused: Bool = false,
    effects: (@Sendable () -> Int)? = nil,
    maximumEventCount: Int = 100,
    timeLimit: Duration = .seconds(60),
    clock: any Clock<Duration> = ContinuousClock(),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @escaping @Sendable (AgentRun) async throws -> JSONValue?
) async {
    let subject = SurvivalTrial.Subject(
        agent: agent, input: input, timeLimit: timeLimit, clock: clock, maximumEventCount: maximumEventCount,
        effects: effects,
        body: body)
    let check = SurvivalCheck(subject: subject, failsWhenRefused: failsWhenRefused)
    guard let fault = await check.fault() else { return }
    TestIssue.record(fault, sourceLocation)
}
