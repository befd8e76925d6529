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
        var written: [StreamSession] = []
        var sentCount = 0
        thread.deliver(written: &written, sentCount: &sentCount)
        #expect(thread.head == 1)
        #expect(thread.recentFrames(after: 0) == nil)
        #expect(thread.recentFrames(after: 1) == [])
    }
}
