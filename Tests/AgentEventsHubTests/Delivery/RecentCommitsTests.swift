import AgentEvents
import NIOCore
import Testing

@testable import AgentEventsHub

struct RecentCommitsTests {
    /// A commit of the events from one sequence number to another, each of so many bytes.
    private static func commit(_ range: ClosedRange<UInt64>, byteCount: Int = 10) throws -> CommittedEvents {
        var framer = FramedEvents.Framer(
            .varying, frameCount: range.count, payloadByteCount: byteCount * range.count)
        for sequence in range {
            framer.append(EventID(generation: 1, sequence: sequence), Array(repeating: 0x61, count: byteCount))
        }
        return CommittedEvents(FramedEvents(framer, thread: "t"), framing: 0, owner: "u")
    }

    @Test func whoIsBehindGetsWhatFollows() throws {
        var recent = RecentCommits()
        recent.append(try Self.commit(4...5))
        recent.append(try Self.commit(6...6))
        // A frame of two bytes of head and ten of payload for each event.
        #expect(recent.frames(after: 3)?.map(\.readableBytes) == [24, 12])
        #expect(recent.frames(after: 4)?.map(\.readableBytes) == [12, 12])
        #expect(recent.frames(after: 5)?.map(\.readableBytes) == [12])
        #expect(recent.frames(after: 2) == nil)
    }

    @Test func aCommitThatDoesNotFollowIsTheOnlyOneKept() throws {
        var recent = RecentCommits()
        recent.append(try Self.commit(4...4))
        recent.append(try Self.commit(6...6))
        #expect(recent.frames(after: 3) == nil)
        #expect(recent.frames(after: 5)?.count == 1)
    }

    @Test func nothingIsKeptFromBeforeNews() throws {
        var recent = RecentCommits()
        recent.append(try Self.commit(4...4))
        recent.append(try Self.commit(5...5).notice)
        #expect(recent.isEmpty && recent.frames(after: 3) == nil)
        recent.append(try Self.commit(6...6))
        #expect(recent.frames(after: 4) == nil)
        #expect(recent.frames(after: 5)?.count == 1)
    }

    @Test func theOldestGoWhenThereAreTooManyBytes() throws {
        var recent = RecentCommits()
        let half = RecentCommits.maximumByteCount / 2
        for sequence in UInt64(1)...3 { recent.append(try Self.commit(sequence...sequence, byteCount: half)) }
        #expect(recent.frames(after: 1) == nil)
        #expect(recent.frames(after: 2)?.count == 1)
        recent.append(try Self.commit(4...4, byteCount: half * 4))
        #expect(recent.frames(after: 3)?.count == 1)
        #expect(recent.frames(after: 2) == nil)
        recent.clear()
        #expect(recent.isEmpty && recent.frames(after: 3) == nil)
    }
}
