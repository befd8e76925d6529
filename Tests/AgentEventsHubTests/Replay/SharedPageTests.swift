import AgentEvents
import AgentEventsTesting
import NIOCore
import Testing

@testable import AgentEventsHub

/// Wherever in a page a reader begins, it gets what it would from a page of its own.
struct SharedPageTests {
    /// A random history of fragments and other events, from a sequence number on.
    private static func events(from first: UInt64, _ generator: inout SeededGenerator) throws -> [StoredEvent] {
        var message = 0
        return try (0..<UInt64.random(in: 1...60, using: &generator)).map { index in
            if Int.random(in: 0..<6, using: &generator) == 0 { message += 1 }
            let text = String(repeating: "x", count: Int.random(in: 1...200, using: &generator))
            let payload: EventPayload =
                Int.random(in: 0..<8, using: &generator) == 0
                ? .custom(CustomEvent(name: "n", value: .string(text)))
                : .messageDelta(MessageDelta(messageID: try MessageID("m_\(message)"), text: text))
            let id = EventID(generation: 3, sequence: first + index)
            let event = AgentEvent(
                id: id, threadID: "t", runID: "r", agent: "guide", time: Timestamp(milliseconds: 0), payload: payload)
            return StoredEvent(thread: "t", id: id, bytes: try EventEncoder.encode(event))
        }
    }

    private static func bytes(_ frames: [ByteBuffer]) -> [UInt8] { frames.flatMap { Array($0.readableBytesView) } }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func everyCursorGetsWhatAPageOfItsOwnWouldHave(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let first = UInt64.random(in: 1...100, using: &generator)
        let events = try Self.events(from: first, &generator)
        let page = SharedPage(events, thread: "t", framing: .varying)
        #expect(page.firstID == events.first?.id && page.lastID == events.last?.id)
        for sequence in (first - 1)..<(first + UInt64(events.count)) {
            let rest = events.filter { $0.id.sequence > sequence }
            #expect(page.id(of: sequence) == events.first { $0.id.sequence == sequence }?.id)
            let plain = Self.bytes(page.frames(after: sequence, merges: false))
            #expect(plain == Self.frames(rest.map(\.bytes)), "seed \(seed), after \(sequence)")
            let merged = Self.bytes(page.frames(after: sequence, merges: true))
            let expected = Self.frames(FragmentMerge.merging(rest).map(\.event.bytes))
            #expect(merged == expected, "seed \(seed), after \(sequence)")
        }
    }

    private static func frames(_ payloads: [[UInt8]]) -> [UInt8] {
        var buffer = ByteBuffer()
        for payload in payloads { StreamFraming.varying.append(payload, event: nil, to: &buffer) }
        return Array(buffer.readableBytesView)
    }

    /// What waits for a slow reader is its own few bytes, and not all of the page.
    @Test func aSmallPartDoesNotKeepThePage() throws {
        let events = (1...100 as ClosedRange<UInt64>).map { sequence in
            StoredEvent(
                thread: "t", id: EventID(generation: 1, sequence: sequence), bytes: [UInt8](repeating: 32, count: 500))
        }
        let page = SharedPage(events, thread: "t", framing: .varying)
        let small = try #require(page.frames(after: 95, merges: false).first)
        #expect(small.storageCapacity < 4 * small.readableBytes)
        let large = try #require(page.frames(after: 5, merges: false).first)
        #expect(large.readableBytes == 95 * 504)
    }
}
