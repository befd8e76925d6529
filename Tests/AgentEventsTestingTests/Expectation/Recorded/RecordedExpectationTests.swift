import AgentEvents
import AgentEventsChecks
import AgentEventsTesting
import Testing

/// From a recording to a test: what is written is what is compiled here, and that passes.
@Suite struct RecordedExpectationTests {
    private static func sink(_ events: [StoredEvent]) async throws -> InMemorySink {
        let sink = InMemorySink()
        try await sink.receive(SinkBatch(events: events))
        return sink
    }

    private static func stored(_ event: AgentEvent) throws -> StoredEvent {
        StoredEvent(thread: event.threadID, id: event.id, bytes: try EventEncoder.encode(event))
    }

    private static func stored(_ block: RecordedBlock) throws -> [StoredEvent] {
        try zip(Self.events(block), block.lines()).map { event, line in
            StoredEvent(thread: event.threadID, id: event.id, bytes: Array(line.utf8))
        }
    }

    private static func events(_ block: RecordedBlock) throws -> [AgentEvent] {
        try block.lines().map { try EventDecoder.decode(Array($0.utf8)) }
    }

    /// What a block reports for events that are not those of its recording.
    private static func reports(_ block: RecordedBlock, for events: [StoredEvent]) async throws -> [String] {
        let sink = try await sink(events)
        let reports = Reports()
        withKnownIssue("of \(block)") {
            block.expect(sink)
        } matching: { issue in
            reports.add(issue.comments.map(\.rawValue).joined())
            return true
        }
        return reports.texts
    }

    /// When this fails for a block that should be another one now, put there what
    /// `agent-events validate --as-test Tests/AgentEventsTestingTests/Recordings/NAME.ndjson` prints.
    @Test(arguments: RecordedBlock.all)
    func whatIsCompiledIsWhatIsWritten(block: RecordedBlock) throws {
        #expect(try block.file() == block.source())
    }

    @Test(arguments: RecordedBlock.all)
    func theTestPassesForItsRecording(block: RecordedBlock) async throws {
        let sink = try await Self.sink(try Self.stored(block))
        #expect(!sink.events.isEmpty)
        block.expect(sink)
    }

    @Test(arguments: RecordedBlock.all)
    func theTestFailsWhenAnyEventIsAnotherOne(block: RecordedBlock) async throws {
        let events = try Self.events(block)
        for index in events.indices {
            var changed = events[index]
            changed.payload = .custom(CustomEvent(name: "changed", value: nil))
            changed.fromSequence = nil
            var stored = try Self.stored(block)
            stored[index] = try Self.stored(changed)
            let reports = try await Self.reports(block, for: stored)
            #expect(
                reports.contains { $0.hasPrefix("The events are not those expected") },
                "event \(index + 1): \(events[index].typeName)")
        }
    }

    @Test(arguments: RecordedBlock.all)
    func theTestFailsForOtherRecordings(block: RecordedBlock) async throws {
        let thread = try #require(try Self.events(block).first?.threadID)
        for other in RecordedBlock.all where other.name != block.name {
            // What this version does not know cannot be encoded for another thread.
            let events = try Self.events(other).filter { $0.type != nil }.map { event in
                var event = event
                event.threadID = thread
                return try Self.stored(event)
            }
            let reports = try await Self.reports(block, for: events)
            #expect(reports.contains { $0.hasPrefix("The events are not those expected") }, "\(other)")
        }
    }

    @Test func everyTypeOfEventIsInARecording() throws {
        let types = Set(try RecordedBlock.all.flatMap { try Self.events($0).map(\.type) })
        #expect(types == Set(EventType.allCases.map { $0 } + [nil]))
    }

    @Test func aDraftIsRefused() throws {
        var expectation = RecordedExpectation()
        let draft = #"{"type":"agent_started","run_id":"r","agent":"a","data":{}}"#
        #expect(throws: WireError.self) { try expectation.receive(Array(draft.utf8)) }
        #expect(expectation.lines.isEmpty)
    }

    @Test func aStricterPolicyStandsInTheTest() throws {
        var expectation = RecordedExpectation(policy: .canonical)
        for line in try Recording.lines(of: "merged") { try expectation.receive(Array(line.utf8)) }
        #expect(expectation.lines.first == #"expectEvents(in: sink, thread: "t_merged", policy: .canonical) {"#)
    }
}
