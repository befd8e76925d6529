import AgentEvents
import AgentEventsChecks
import AgentEventsTesting
import Testing

@Suite struct EventSequenceCheckTests {
    private static func faults(of sequence: JudgedSequence) -> [SequenceFault] {
        validate(events: sequence.steps.events(), policy: sequence.policy)
    }

    @Test(arguments: SequenceTable.legal)
    func aLegalSequenceHasNoFaults(sequence: JudgedSequence) {
        #expect(Self.faults(of: sequence) == [])
    }

    @Test(arguments: SequenceTable.illegal)
    func anIllegalSequenceHasTheseFaults(sequence: JudgedSequence) {
        #expect(Self.faults(of: sequence).map { "\($0.position) \($0.rule)" } == sequence.faults)
    }

    @Test func theTableBreaksEveryRule() {
        let broken = Set(SequenceTable.illegal.flatMap(\.faults).map { String($0.drop { $0 != " " }.dropFirst()) })
        let others = ["seq.gap", "seq.repeated", "seq.merged", "id.generation", "time.backwards", "run.unended"]
        #expect(broken == Set(OrderRule.allCases.map(\.rawValue) + others))
        #expect(SequenceTable.legal.count + SequenceTable.illegal.count >= 60)
    }

    @Test func aFaultNamesItsEventAndWhatWasLegal() throws {
        let faults = validate(events: [Step.start, .callEnd(), .complete].events())
        let fault = try #require(faults.first)
        #expect(fault.eventID == EventID("1-2"))
        #expect(fault.threadID == "t_1")
        #expect(fault.legal.contains("tool_executing"))
        #expect(!fault.legal.contains("tool_completed"))
        #expect(fault.description.hasPrefix("1: order.call_not_open: call c_1 is not open"))
    }

    @Test func everyLegalSequenceIsAcceptedLineByLineToo() throws {
        for sequence in SequenceTable.legal where sequence.policy == .standard {
            let lines = try sequence.steps.events().map { try EventEncoder.encode($0) }
            let faults = validate(recording: Array(lines.joined(separator: [0x0A]))).map(\.rule)
            // Nothing is a legal sequence, and a recording of nothing is a mistake.
            #expect(faults == (lines.isEmpty ? ["recording.empty"] : []), "\(sequence.name)")
        }
    }

    @Test(arguments: [true, false])
    func theIDOfATrimmedRunIsFreeAgain(isTrimmed: Bool) {
        var check = EventSequenceCheck()
        let events = [Step.start, .complete, .start].events()
        for (index, event) in events.prefix(2).enumerated() { #expect(check.receive(event, at: index) == []) }
        if isTrimmed, let run = events[0].runID { check.forgetRuns([run], in: events[0].threadID) }
        #expect(check.receive(events[2], at: 2).map(\.rule) == (isTrimmed ? [] : ["order.already_started"]))
    }

    @Test func theIDOfAnOpenRunIsNotFree() {
        var check = EventSequenceCheck()
        let events = [Step.start, .start].events()
        #expect(check.receive(events[0], at: 0) == [])
        if let run = events[0].runID { check.forgetRuns([run], in: events[0].threadID) }
        #expect(check.receive(events[1], at: 1) != [])
    }

    @Test func aMarkOfUTF8IsSkipped() throws {
        let lines = try [Step.start, .complete].events().map { try EventEncoder.encode($0) }
        #expect(validate(recording: [0xEF, 0xBB, 0xBF] + Array(lines.joined(separator: [0x0D, 0x0A]))) == [])
    }

    @Test func aLineThatIsNoEventIsAFaultOfItsLine() {
        #expect(
            validate(recording: Array("\n{\n\n[]\r\n".utf8)).map { "\($0.position) \($0.rule)" } == [
                "2 json.syntax", "4 event.wrong_type",
            ])
    }

    @Test func threadsAreJudgedApart() {
        let events = [Step.start, .complete].events(in: "t_1") + [Step.start].events(in: "t_2")
        #expect(validate(events: events).map(\.threadID) == ["t_2"])
    }
}
