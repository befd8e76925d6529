import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct FragmentMergeTests {
    private static func stored(
        _ sequence: UInt64, _ payload: EventPayload, run: RunID = "r_1", generation: UInt64 = 3
    ) throws -> StoredEvent {
        let event = AgentEvent(
            id: EventID(generation: generation, sequence: sequence), threadID: "t_7", runID: run, agent: "a \"guide\"",
            time: Timestamp(milliseconds: Int64(sequence)), payload: payload)
        return StoredEvent(thread: "t_7", id: event.id, bytes: try EventEncoder.encode(event))
    }

    private static func texts(_ merged: [MergedEvent]) -> [String] {
        merged.map { String(decoding: $0.event.bytes, as: UTF8.self) }
    }

    @Test func mergedFragmentIsTheLastOneWithAllTexts() throws {
        let merged = FragmentMerge.merging([
            try Self.stored(8, .delta("m_1", "Fo\"und \\")), try Self.stored(9, .delta("m_1", "\n🦜é")),
            try Self.stored(10, .delta("m_1", "")), try Self.stored(11, .delta("m_1", " files\u{1}.")),
        ])
        #expect(
            Self.texts(merged) == [
                #"{"type":"message_delta","id":"3-11","seq":11,"from_seq":8,"thread_id":"t_7","run_id":"r_1","#
                    + #""agent":"a \"guide\"","time":"1970-01-01T00:00:00.011Z","#
                    + #""data":{"message_id":"m_1","text":"Fo\"und \\\n🦜é files\u0001."}}"#
            ])
        #expect(merged.first?.firstSequence == 8)
        #expect(merged.first?.event.id == EventID(generation: 3, sequence: 11))
    }

    @Test func onlyAdjacentFragmentsOfOneTextMerge() throws {
        func think(_ thought: ThoughtID) -> EventPayload {
            .agentThinking(AgentThinking(thoughtID: thought, text: "x"))
        }
        let events = [
            try Self.stored(1, .delta("m_1")), try Self.stored(2, .delta("m_1")),
            try Self.stored(3, .delta("m_2")),
            try Self.stored(4, .delta("m_2"), run: "r_2"),
            try Self.stored(5, .delta("m_2"), run: "r_2", generation: 4),
            try Self.stored(6, think("t_1")), try Self.stored(7, think("t_1")), try Self.stored(8, think("t_1")),
            try Self.stored(9, think("m_1")), try Self.stored(10, .delta("m_1")),
            try Self.stored(11, .progress), try Self.stored(12, .delta("m_1")),
            try Self.stored(14, .delta("m_1")), try Self.stored(15, .message("m_1")),
        ]
        let merged = FragmentMerge.merging(events)
        let covered = merged.map { [$0.firstSequence, $0.event.id.sequence] }
        #expect(
            covered == [
                [1, 2], [3, 3], [4, 4], [5, 5], [6, 8], [9, 9], [10, 10], [11, 11], [12, 12], [14, 14], [15, 15],
            ])
        for one in merged where one.firstSequence == one.event.id.sequence { #expect(events.contains(one.event)) }
    }

    /// A change of the bytes of the second of three fragments, after which nothing merges with it.
    @Test(arguments: [
        (#","seq":2,"#, #","seq":02,"#), (#""seq":2"#, #""seq":3"#), (#""seq""#, #""sequence""#),
        (#""id":"3-2""#, #""id":"4-2""#), (#"{"type""#, #"{ "type""#), (#""text":"text"}}"#, #""text":"text"}} "#),
        (#""text":"text"}}"#, #""text":"text","x":1}}"#), (#""text":"text"}}"#, #""x":1,"text":"text"}}"#),
        (#""text":"text""#, #""text":"te\ud83d""#), (#""text":"text""#, #""text":"\uDC00xt""#),
        (#""text":"text""#, #""text":"te\x""#), (#""text":"text""#, #""text":"te\u12""#),
        (#""text":"text""#, #""text":"text"#), (#""text":"text"}}"#, #""text":"text\"}}"#),
        (#""text":"text""#, #""text":["text"]"#), (#""agent":"#, #""agent":null,"agent":"#),
        (#""time":"#, #""later":1,"time":"#), (#""thread_id":"t_7""#, #""thread_id":"t_8""#),
        (#""seq":2,"#, #""seq":2,"from_seq":0,"#), (#""seq":2,"#, #""seq":2,"from_seq":2,"#),
        (#""seq":2,"#, #""seq":2,"from_seq":3,"#),
        (#"{"type"#, ""), ("", "[]"),
    ])
    func whatIsNotInTheFormOfTheEncoderPassesUnchanged(text: String, replacement: String) throws {
        var events = try (1...3).map { try Self.stored($0, .delta("m_1")) }
        let old = String(decoding: events[1].bytes, as: UTF8.self)
        let new = text.isEmpty ? replacement : old.replacing(text, with: replacement)
        #expect(new != old)
        events[1].bytes = Array(new.utf8)
        #expect(FragmentMerge.merging(events).map(\.event) == events)
    }

    @Test func mergedFragmentMergesOnWithWhatFollows() throws {
        let first = FragmentMerge.merging(try (4...5).map { try Self.stored($0, .delta("m_1", "ab")) })
        let merged = FragmentMerge.merging(first.map(\.event) + [try Self.stored(6, .delta("m_1", "c"))])
        #expect(merged.map(\.firstSequence) == [4])
        let texts: [(String, UInt64)] = [("ab", 4), ("ab", 5), ("c", 6)]
        let together = try texts.map { text, sequence in try Self.stored(sequence, .delta("m_1", text)) }
        #expect(merged == FragmentMerge.merging(together))
    }

    @Test func eventWithoutBytesPassesUnchanged() {
        let event = StoredEvent(thread: "t_7", id: EventID(generation: 1, sequence: 1), bytes: [])
        #expect(FragmentMerge.merging([event]) == [MergedEvent(firstSequence: 1, event: event)])
        #expect(FragmentMerge.merging([]) == [])
    }

    @Test func limitIsMetToTheByte() throws {
        let events = try (9...12).map { try Self.stored($0, .delta("m_1", "0123456789")) }
        let three = FragmentMerge.merging(events[..<3])
        let size = try #require(three.first).event.bytes.count
        #expect(three.count == 1)
        #expect(FragmentMerge.merging(events[..<3], maximumByteCount: size).count == 1)
        #expect(FragmentMerge.merging(events[..<3], maximumByteCount: size - 1).map(\.firstSequence) == [9, 11])
        #expect(FragmentMerge.merging(events, maximumByteCount: size).map(\.firstSequence) == [9, 12])
        #expect(FragmentMerge.merging(events, maximumByteCount: 1).map(\.event) == events)
    }

    @Test(arguments: 0..<8)
    func mergedThreadsSayTheSame(part: Int) throws {
        for number in 0..<60 {
            let seed = UInt64(part * 60 + number)
            let thread = try RandomThread(seed: seed)
            let stored = try thread.stored()
            var generator = SeededGenerator(seed: seed)
            let limit = 200 + generator.below(1000)
            let merged = FragmentMerge.merging(stored, maximumByteCount: limit)
            var next: UInt64 = 1
            for one in merged {
                let event = try EventDecoder.decode(one.event.bytes)
                let last = Int(one.event.id.sequence)
                guard one.firstSequence == next, event.id == one.event.id, last <= stored.count,
                    try EventEncoder.encode(event) == one.event.bytes,
                    Self.says(event, thread.events[Int(next - 1)..<last]),
                    one.event.bytes.count <= limit || one.firstSequence == event.sequence
                else {
                    Issue.record("seed \(seed): wrong from \(next) to \(one.event.id)")
                    return
                }
                next = event.sequence + 1
            }
            guard next == UInt64(stored.count) + 1 else {
                Issue.record("seed \(seed): ends before \(next)")
                return
            }
            let again = FragmentMerge.merging(merged.map(\.event), maximumByteCount: limit)
            if again != merged {
                Issue.record("seed \(seed): merged events merge once more")
                return
            }
        }
    }

    /// Whether an event stands for exactly these.
    private static func says(_ merged: AgentEvent, _ events: ArraySlice<AgentEvent>) -> Bool {
        guard let first = events.first, let last = events.last else { return false }
        if events.count == 1 { return merged == last }
        var expected = last
        expected.fromSequence = first.sequence
        switch last.payload {
        case .messageDelta(var delta):
            delta.text = events.map { if case .messageDelta(let part) = $0.payload { part.text } else { "" } }.joined()
            expected.payload = .messageDelta(delta)
        case .agentThinking(var thinking):
            thinking.text = events.map { if case .agentThinking(let part) = $0.payload { part.text } else { "" } }
                .joined()
            expected.payload = .agentThinking(thinking)
        default:
            return false
        }
        return merged == expected
            && events.allSatisfy { $0.runID == last.runID && $0.id.generation == last.id.generation }
    }
}
