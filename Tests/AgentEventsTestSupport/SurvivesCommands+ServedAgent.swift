import AgentEvents
package import AgentEventsHub
import AgentEventsTesting
package import Testing

/// Expects that an agent of a service survives everything that people and machines do to its runs, when it is asked this.
package func survivesCommands(
    _ agent: some ServedAgent,
    prompt: String,
    failsWhenRefused: Bool = false,
    clock: any Clock<Duration> = ContinuousClock(),
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    await survivesCommands(
        agent.name, input: .string(prompt), failsWhenRefused: failsWhenRefused, clock: clock,
        sourceLocation: sourceLocation
    ) { run in
        try await agent.respond(to: UserPrompt(text: prompt, messageID: "m_1", author: "u_1"), run: run)
    }
}
