import AgentEvents
import NIOCore
import Testing

@testable import AgentEventsHub

extension StreamFraming {
    /// Heads of two sizes, as those of WebSocket frames have.
    static let varying = StreamFraming("varying", maximumOverheadByteCount: 4) { message, buffer in
        if message.byteCount < 126 {
            buffer.writeInteger(UInt16(message.byteCount))
        } else {
            buffer.writeInteger(UInt32(message.byteCount))
        }
    }
}

struct FramedEventsTests {
    /// A commit of events whose sizes differ, so that their frames do.
    private static func commit(_ range: ClosedRange<UInt64>) -> FramedEvents {
        let events = range.map { sequence in
            StoredEvent(
                thread: "t", id: EventID(generation: 1, sequence: sequence),
                bytes: Array(repeating: UInt8(sequence), count: Int(sequence) * 30))
        }
        return FramedEvents(events, thread: "t", framing: .varying)
    }

    private static func committed(_ range: ClosedRange<UInt64>) -> CommittedEvents {
        CommittedEvents(commit(range), framing: 0, owner: "u")
    }

    private static func ranges(_ commits: [CommittedEvents]) -> [String] {
        commits.map { commit in
            commit.events.map { "\($0.firstSequence)...\($0.lastSequence)" } ?? "...\(commit.lastID.sequence)"
        }
    }

    @Test func joinedCommitsHaveTheFramesOfOne() {
        let whole = Self.commit(3...9)
        let joined = FramedEvents(joining: [Self.commit(3...3), Self.commit(4...6), Self.commit(7...9)])
        #expect(joined.firstSequence == 3 && joined.lastID == whole.lastID && joined.thread == "t")
        for sequence in UInt64(0)...10 {
            #expect(joined.frames(after: sequence) == whole.frames(after: sequence), "after \(sequence)")
        }
        for sequence in UInt64(3)...9 { #expect(joined.payload(of: sequence) == whole.payload(of: sequence)) }
    }

    @Test func commitsAreJoinedUpToALimitAndNeverOverAGap() {
        let commits = [1...1, 2...2, 4...4, 5...5, 6...6].map(Self.committed)
        #expect(Self.ranges(CommittedEvents.joined(commits, maximumByteCount: 10_000)) == ["1...2", "4...6"])
        // 4 and 5 have 120 and 150 bytes and heads of 2 and 4; 6 does not fit.
        #expect(Self.ranges(CommittedEvents.joined(commits, maximumByteCount: 276)) == ["1...2", "4...5", "6...6"])
        #expect(Self.ranges(CommittedEvents.joined(commits, maximumByteCount: 1)).count == 5)
        #expect(CommittedEvents.joined([], maximumByteCount: 1).isEmpty)
    }

    @Test func noticesAreJoinedWithNothing() {
        let commits = [Self.committed(1...1), Self.committed(2...2), Self.committed(3...3).notice]
        #expect(Self.ranges(CommittedEvents.joined(commits, maximumByteCount: 10_000)) == ["1...2", "...3"])
    }
}
