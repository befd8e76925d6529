import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsSimulation

/// The Swift client in the world: what it does there is seen.
@Suite(.serialized) struct ApplicationTests {
    private static func size(faultInterval: Int) -> WorldSize? { WorldSize("2x1x3x1x2x\(faultInterval)x2048x2") }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func followersAreGivenWhatIsLogged(seed: UInt64) throws {
        let size: WorldSize = try #require(Self.size(faultInterval: 0))
        let outcome = Simulation.run(seed: seed, stepCount: 6000, size: size)
        #expect(outcome.violation == nil, "\(outcome.schedule)")
        #expect(outcome.counts[.eventTaken] > 0)
        #expect(outcome.counts[.streamLive] > 0)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func followersAreGivenWhatIsLoggedWhateverBreaks(seed: UInt64) throws {
        let size: WorldSize = try #require(Self.size(faultInterval: 40))
        let outcome = Simulation.run(seed: seed, stepCount: 6000, size: size)
        #expect(outcome.violation == nil, "\(outcome.schedule)")
        #expect(outcome.counts[.connectionLost] > 0)
    }
}

/// The checks of what a connection carries find what is wrong.
struct WireCheckTests {
    private static let owner = ThreadOwner(thread: "t0", user: "u_0")

    private static func event(_ sequence: UInt64) -> ServerMessage {
        .event(
            StreamEvent(
                cursor: Cursor(generation: 1, sequence: sequence), firstSequence: sequence, threadID: "t0", bytes: []))
    }

    private static func follow(_ check: inout WireCheck) -> InvariantViolation? {
        check.sent(ClientMessage(tag: RequestTag(number: 1), .subscribe(SubscribeRequest(thread: "t0", start: .start))))
        return check.received(.subscribed(RequestTag(number: 1), "t0", after: nil, head: nil))
    }

    @Test func eventsInOrderAreFine() {
        var check = WireCheck(witness: LogWitness(owners: [Self.owner]))
        let violations = [Self.follow(&check), check.received(Self.event(1)), check.received(Self.event(2))]
        #expect(violations.allSatisfy { $0 == nil })
        #expect(check.missing == nil)
    }

    @Test(arguments: [1, 3] as [UInt64])
    func anEventTwiceOrAGapIsFound(next: UInt64) {
        var check = WireCheck(witness: LogWitness(owners: [Self.owner]))
        _ = Self.follow(&check)
        _ = check.received(Self.event(1))
        #expect(check.received(Self.event(next))?.rule == .denseOrder)
    }

    @Test func anEventBeforeItsSubscriptionIsFound() {
        var check = WireCheck(witness: LogWitness(owners: [Self.owner]))
        #expect(check.received(Self.event(1))?.rule == .denseOrder)
    }

    @Test func anAnswerThatIsNotDueIsFoundAndOneThatIsMissing() {
        var check = WireCheck(witness: LogWitness(owners: [Self.owner]))
        check.sent(ClientMessage(tag: RequestTag(number: 1), .unsubscribe("t0")))
        check.sent(ClientMessage(tag: RequestTag(number: 2), .unsubscribe("t0")))
        #expect(check.missing?.rule == .requestsAnswered)
        #expect(check.received(.unsubscribed(RequestTag(number: 2), "t0"))?.rule == .requestsAnswered)
    }
}
