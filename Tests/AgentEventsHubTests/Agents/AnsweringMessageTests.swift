import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import Testing

/// Messages that are to be a no, and the policies that clients name.
struct AnsweringMessageTests {
    /// A no under the policy of the agent or the service, which gives it to no run, would be told to nobody.
    @Test func aNoThatNoRunWouldBeGivenIsRefused() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let run = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: run)
            let before = try await AgentStage.logged(log).count
            let request = MessageRequest(text: "No", answersApproval: true)
            let error = await #expect(throws: ProtocolError.self) {
                try await stage.hub.intake.submit(request, in: "t_1", from: AgentStage.principal)
            }
            #expect(error?.code == .messageInvalid && error?.path == "$.answers_approval" && error?.threadID == "t_1")
            #expect(error?.message.hasSuffix("its policy is steer, not queue") == true)
            let command = CommandRequest(
                thread: "t_1", key: "k_1", CommandBody(.message(MessageCommand(text: "No", answersApproval: true))))
            let refused = await #expect(throws: ProtocolError.self) {
                try await stage.hub.commands.submit(command, as: AgentStage.principal)
            }
            #expect(refused?.code == .commandInvalid && refused?.path == "$.data.answers_approval")
            #expect(try await AgentStage.logged(log).count == before)
            try await stage.finish(run)
        }
    }
}
