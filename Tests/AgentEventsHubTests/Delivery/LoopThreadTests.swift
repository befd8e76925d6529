import AgentEvents
import Testing

@testable import AgentEventsHub

struct LoopThreadTests {
    /// Only those who catch up need what was committed a moment ago; for nobody nothing is kept.
    @Test func withoutAnybodyWhoCatchesUpNoCommitIsKept() {
        let thread = LoopThread()
        var framer = FramedEvents.Framer(.lengthPrefixed, frameCount: 1, payloadByteCount: 2)
        framer.append(EventID(generation: 1, sequence: 1), Array("{}".utf8))
        let events = FramedEvents(framer, thread: "t_1")
        var gathered: [GatheredCommits] = []
        #expect(thread.gather(CommittedEvents(events, framing: 0, owner: "u_1"), upTo: 1, into: &gathered))
        var written = WrittenSessions()
        var sentCount = 0
        thread.deliver(gathered[0], isSettled: true, written: &written, sentCount: &sentCount)
        #expect(thread.head == 1)
        #expect(thread.recentFrames(after: 0) == nil)
        #expect(thread.recentFrames(after: 1) == [])
    }

    /// What another writer of the log has committed is told late now and then.
    @Test func aLateNoticeDoesNotTakeTheHeadBack() {
        let thread = LoopThread()
        var written = WrittenSessions()
        var sentCount = 0
        for sequence in [5, 4] as [UInt64] {
            let advanced = AdvancedThread(
                thread: "t_1", user: "u_1", head: EventID(generation: 1, sequence: sequence))
            var gathered: [GatheredCommits] = []
            thread.gather(CommittedEvents(noticeOf: advanced, framing: 0), upTo: .max, into: &gathered)
            thread.deliver(gathered[0], isSettled: true, written: &written, sentCount: &sentCount)
        }
        #expect(thread.head == 5)
    }

    /// Each thread has one place, with all of its commits in their order, and none is left for the next delivery.
    @Test func whatIsDeliveredTogetherIsGatheredByThreads() {
        let threads = [LoopThread(), LoopThread()]
        threads[1].startListening(after: 1)
        for round in 0..<2 {
            var gathered: [GatheredCommits] = []
            for position in 1...3 as ClosedRange<UInt64> {
                for (index, thread) in threads.enumerated() {
                    let advanced = AdvancedThread(
                        thread: ThreadID(text: IdentifierText(unchecked: "t_\(index)")), user: "u_1",
                        head: EventID(generation: 1, sequence: UInt64(10 * round) + position))
                    thread.gather(CommittedEvents(noticeOf: advanced, framing: 0), upTo: position, into: &gathered)
                }
            }
            #expect(gathered.map { ObjectIdentifier($0.thread) } == threads.map { ObjectIdentifier($0) })
            #expect(gathered.map { $0.first.lastID.sequence % 10 } == [1, 2])
            #expect(gathered.map { $0.others.map { $0.lastID.sequence % 10 } } == [[2, 3], [3]])
            var written = WrittenSessions()
            var sentCount = 0
            for commits in gathered {
                commits.thread.deliver(commits, isSettled: true, written: &written, sentCount: &sentCount)
            }
            #expect(threads.map(\.head) == Array(repeating: UInt64(10 * round) + 3, count: 2))
        }
    }
}
