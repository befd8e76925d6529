import AgentEvents
import AgentEventsChecks
import Testing

/// Faults in the runs that answer messages are found.
struct QueueCheckTests {
    private static func queue(_ run: RunID, _ message: MessageID) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentQueued(AgentQueued(messageIDs: [message])))
    }
    private static func start(_ run: RunID, _ message: MessageID) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted(messageIDs: [message])))
    }
    private static func end(_ run: RunID) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
    }
    private static func message(_ message: MessageID) -> EventDraft {
        EventDraft(.userMessage(UserMessage(messageID: message, userID: "u_1", text: "x")))
    }

    private static func events(_ drafts: [EventDraft]) -> [AgentEvent] {
        drafts.enumerated().map { index, draft in
            AgentEvent(
                id: EventID(generation: 1, sequence: UInt64(index + 1)), threadID: "t_1", runID: draft.runID,
                agent: draft.agent, time: Timestamp(milliseconds: Int64(index)), payload: draft.payload)
        }
    }

    private static func faults(_ drafts: [EventDraft], isParallel: Bool = false) -> [QueueCheck.Fault] {
        var check = QueueCheck(isParallel: isParallel)
        for event in events(drafts) { check.receive(event) }
        return check.faultsAtRest()
    }

    private static let sound = [
        message("m_1"), start("r_1", "m_1"), message("m_2"), queue("r_2", "m_2"), end("r_1"), start("r_2", "m_2"),
        end("r_2"),
    ]

    private static let overtaking = [
        message("m_1"), queue("r_1", "m_1"), message("m_2"), queue("r_2", "m_2"), start("r_2", "m_2"), end("r_2"),
        start("r_1", "m_1"), end("r_1"),
    ]

    @Test func aSoundThreadHasNoFault() { #expect(Self.faults(Self.sound) == []) }

    @Test func twoOpenRunsAreFoundUnlessTheyMayBe() {
        var drafts = Self.sound
        drafts.swapAt(4, 5)
        #expect(Self.faults(drafts) == [.twoOpen("r_1", "r_2")])
        #expect(Self.faults(drafts, isParallel: true) == [])
    }

    @Test func aRunThatIsOvertakenIsFound() {
        #expect(Self.faults(Self.overtaking) == [.overtaken("r_1", by: "r_2")])
    }

    @Test func aMessageWithoutARunIsFoundAndARunWithoutAnEnd() {
        #expect(Self.faults([Self.message("m_1")]) == [.unanswered("m_1")])
        #expect(Self.faults(Array(Self.sound.dropLast())) == [.open("r_2")])
    }

    @Test func whatARunWasGivenAndHasNotTakenIsFound() {
        let given = EventDraft(
            .userMessage(UserMessage(messageID: "m_2", userID: "u_1", text: "x", givenTo: "r_1")))
        let drafts = [Self.message("m_1"), Self.start("r_1", "m_1"), given, Self.end("r_1")]
        #expect(Self.faults(drafts) == [.unanswered("m_2")])
    }

    @Test func aHistoryIsCheckedForIt() throws {
        var drafts = Self.sound
        drafts.swapAt(4, 5)
        var check = HistoryCheck(checksQueue: true)
        for event in Self.events(drafts + [Self.message("m_3")]) {
            check.receive(.logged(bytes: try EventEncoder.encode(event)), at: "log")
        }
        #expect(Set(check.finish().map(\.rule)) == ["queue.two_open", "message.unanswered"])
        // Without being asked for it, it is not: others may orchestrate runs as they like.
        var unasked = HistoryCheck()
        for event in Self.events(drafts) {
            unasked.receive(.logged(bytes: try EventEncoder.encode(event)), at: "log")
        }
        #expect(unasked.finish().isEmpty)
    }

    @Test func aHistoryIsCheckedForRunsThatAreOvertaken() throws {
        var check = HistoryCheck(checksQueue: true)
        for event in Self.events(Self.overtaking) {
            check.receive(.logged(bytes: try EventEncoder.encode(event)), at: "log")
        }
        #expect(check.finish().map(\.rule) == ["queue.overtaken"])
    }
}
