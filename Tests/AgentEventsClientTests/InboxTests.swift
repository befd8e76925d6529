import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import AgentEventsTesting
import Testing

@Suite struct InboxTests {
    private static func event(_ sequence: UInt64, byteCount: Int = 1) -> FollowedElement {
        .event(
            StreamEvent(
                cursor: Cursor(generation: 1, sequence: sequence), threadID: "t_7",
                bytes: [UInt8](repeating: 0x78, count: byteCount)))
    }

    private static func limits(events: Int = 1000, bytes: Int = 1_000_000) -> InboxLimits {
        var limits = InboxLimits()
        limits.eventCount = events
        limits.byteCount = bytes
        return limits
    }

    private static let interrupted = FollowedElement.interrupted(
        AgentEventsClientError(.closed, "x"), pause: .seconds(1))

    private static func text(_ element: FollowedElement) -> String {
        switch element {
        case .event(let event): "\(event.cursor.sequence)"
        case .live: "live"
        case .interrupted: "interrupted"
        case .reset(let reason): "reset \(reason)"
        }
    }

    private static func drain(_ inbox: inout Inbox) -> [String] {
        var seen: [String] = []
        while let element = inbox.popFirst() { seen.append(text(element)) }
        return seen
    }

    @Test func itIsFullAtEitherLimitAndHasRoomAtHalfOfBoth() {
        for limits in [Self.limits(events: 4), Self.limits(bytes: 40)] {
            var inbox = Inbox(limits: limits)
            for sequence in 1...3 { inbox.append(Self.event(UInt64(sequence), byteCount: 10)) }
            #expect(!inbox.isFull)
            inbox.append(Self.event(4, byteCount: 10))
            #expect(inbox.isFull)
            #expect(!inbox.hasRoom)
            _ = inbox.popFirst()
            #expect(!inbox.hasRoom)
            _ = inbox.popFirst()
            #expect(inbox.hasRoom)
        }
    }

    @Test func aLimitOfNothingIsALimitOfOneEvent() {
        var inbox = Inbox(limits: Self.limits(events: 0, bytes: 0))
        #expect(!inbox.isFull)
        inbox.append(Self.event(1, byteCount: 10))
        #expect(inbox.isFull)
        _ = inbox.popFirst()
        #expect(inbox.hasRoom)
    }

    @Test func marksBetweenTwoEventsDoNotPileUp() {
        var inbox = Inbox()
        inbox.append(Self.event(1))
        for _ in 0..<100 {
            inbox.append(.live(nil))
            inbox.append(Self.interrupted)
        }
        inbox.append(.reset(.trimmed))
        inbox.append(Self.interrupted)
        inbox.append(.reset(.diverged))
        inbox.append(Self.interrupted)
        inbox.append(.live(nil))
        inbox.append(Self.event(2))
        let seen = Self.drain(&inbox)
        #expect(seen == ["1", "reset diverged", "live", "2"])
        #expect(inbox.isEmpty)
    }

    @Test func aMarkThatWasReadIsNotTakenBack() {
        var inbox = Inbox()
        inbox.append(.live(nil))
        _ = inbox.popFirst()
        inbox.append(Self.interrupted)
        let seen = Self.drain(&inbox)
        #expect(seen == ["interrupted"])
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func itIsAQueueThatCounts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var inbox = Inbox()
        var reference: [(sequence: UInt64, byteCount: Int)] = []
        var last: UInt64 = 0
        for _ in 0..<2000 {
            if Int.random(in: 0..<20, using: &random) < 10 {
                last += 1
                let byteCount = Int.random(in: 0..<100, using: &random)
                inbox.append(Self.event(last, byteCount: byteCount))
                reference.append((last, byteCount))
            } else {
                let element = inbox.popFirst().map(Self.text)
                let expected = reference.isEmpty ? nil : "\(reference.removeFirst().sequence)"
                #expect(element == expected, "seed \(seed)")
            }
            #expect(inbox.eventCount == reference.count, "seed \(seed)")
            #expect(inbox.byteCount == reference.reduce(0) { $0 + $1.byteCount }, "seed \(seed)")
        }
    }
}
