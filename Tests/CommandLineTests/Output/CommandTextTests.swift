import AgentEvents
import AgentEventsProtocol
import Testing
import agent_events

@Suite struct CommandTextTests {
    private static func id(_ sequence: UInt64) -> Cursor { Cursor(generation: 3, sequence: sequence) }

    @Test func anAnswerSaysWhatWasDoneAndWhatWasMet() {
        let met = CommandDetails(
            runs: [.init(runID: "r_9", status: .waiting, since: Self.id(40), waitingFor: ["a_1", "a_2"])],
            left: [.init(runID: "r_10", status: .running, since: Self.id(60))], isCursorUnknown: true)
        let answer = CommandAnswer(
            name: "stop", outcome: .done, cursors: [Self.id(58), Self.id(61)], runID: "r_9", details: met)
        #expect(
            CommandText(answer).lines == [
                "done: 3-58 3-61",
                "  run r_9 was waiting since 3-40, with a_1 and a_2 to be answered",
                "  left alone: run r_10 is running since 3-60",
                "  the log does not know the event of --as-of: the command was for all open runs",
            ])
    }

    @Test func aRequestForARunSaysWhatBecameOfIt() {
        let answer = CommandAnswer(
            name: "message", outcome: .done, cursors: [Self.id(5)], runID: "r_1", messageID: "m_1",
            details: CommandDetails(runs: [.init(runID: "r_1", status: .queued)]))
        #expect(CommandText(answer).lines == ["done: 3-5", "  message m_1", "  run r_1 is queued"])
        let bare = CommandAnswer(
            name: "message", outcome: .repeated, cursors: [Self.id(5)], runID: "r_1", messageID: "m_1")
        #expect(
            CommandText(bare).lines == [
                "repeated: the key came before, with the same command: 3-5", "  message m_1", "  run r_1",
            ])
    }

    @Test func nothingIsSaidThatIsNotSo() {
        let repeated = CommandAnswer(name: "stop", outcome: .repeated)
        #expect(CommandText(repeated).lines == ["repeated: the key came before, with the same command"])
        let unchanged = CommandAnswer(name: "pause", outcome: .unchanged)
        #expect(CommandText(unchanged).lines == ["unchanged: it was so already"])
        for name in ["pause", "resume", "stop"] {
            let free = CommandAnswer(name: name, outcome: .unchanged, details: CommandDetails())
            #expect(CommandText(free).lines == ["unchanged: no run is open in this thread"])
        }
        let paused = CommandAnswer(
            name: "pause", outcome: .unchanged, details: CommandDetails(runs: [.init(runID: "r_9", status: .paused)]))
        #expect(CommandText(paused).lines == ["unchanged: it was so already", "  run r_9 was paused"])
        let late = CommandAnswer(
            name: "stop", outcome: .unchanged,
            details: CommandDetails(left: [.init(runID: "r_10", status: .running, since: Self.id(60))]))
        #expect(
            CommandText(late).lines == [
                "unchanged: nothing that began by then is open", "  left alone: run r_10 is running since 3-60",
            ])
    }

    @Test func aRefusalSaysWhatWasMet() {
        let details: JSONValue = [
            "run_id": "r_1", "status": "running", "decision": "denied", "by": "u_1", "cursor": "3-7",
        ]
        #expect(
            CommandText.lines(ofRefusal: details) == [
                "  run r_1 is running", "  the answer that counts: denied by u_1, 3-7",
            ])
        #expect(CommandText.lines(ofRefusal: nil).isEmpty)
    }
}
