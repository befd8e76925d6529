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
        #expect(thread.gather(CommittedEvents(events, framing: 0, owner: "u_1"), upTo: 1))
        var written = WrittenSessions()
        var sentCount = 0
        thread.deliver(isSettled: true, written: &written, sentCount: &sentCount)
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
            _ = thread.gather(CommittedEvents(noticeOf: advanced, framing: 0), upTo: .max)
            thread.deliver(isSettled: true, written: &written, sentCount: &sentCount)
        }
        #expect(thread.head == 5)
    }
}
