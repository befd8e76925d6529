import AgentEvents
import Testing

@testable import AgentEventsHub

struct AcknowledgementLedgerTests {
    private static let phone = ConsumerKey(thread: "t_7", user: "u_1", consumer: "phone")
    private static let desk = ConsumerKey(thread: "t_7", user: "u_1", consumer: "desk")

    private static func cursor(_ sequence: UInt64, generation: UInt64 = 1) -> Cursor {
        Cursor(generation: generation, sequence: sequence)
    }

    @Test func theLatestOfEachIsSavedOnce() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.attach(Self.phone, stored: nil)
        let actions = [1, 5, 3].map { ledger.acknowledge(Self.phone, Self.cursor($0)) }
        #expect(actions == [.wake, .none, .none])
        let desk = ledger.acknowledge(Self.desk, Self.cursor(2))
        #expect(desk == .none)
        let batch = ledger.takeWaiting()
        #expect(batch == [Self.phone: Self.cursor(5), Self.desk: Self.cursor(2)])
        ledger.saved()
        let rest = ledger.takeWaiting()
        #expect(rest.isEmpty)
    }

    @Test func whatIsStoredIsAsGoodAsAcknowledged() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        let known = ledger.attach(Self.phone, stored: Self.cursor(7))
        #expect(known == Self.cursor(7))
        let older = ledger.acknowledge(Self.phone, Self.cursor(7))
        #expect(older == .none)
        let waiting = ledger.takeWaiting()
        #expect(waiting.isEmpty)
    }

    @Test func whatIsOnItsWayIsKnownWithoutTheStore() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.attach(Self.phone, stored: nil)
        _ = ledger.acknowledge(Self.phone, Self.cursor(5))
        ledger.detach(Self.phone)
        #expect(ledger.cursor(of: Self.phone) == Self.cursor(5))
        _ = ledger.takeWaiting()
        #expect(ledger.cursor(of: Self.phone) == Self.cursor(5))
        let again = ledger.attach(Self.phone, stored: Self.cursor(1))
        #expect(again == Self.cursor(5))
        ledger.detach(Self.phone)
        ledger.saved()
        #expect(ledger == AcknowledgementLedger(maximumCount: 10))
    }

    @Test func severalReadersShareAPlaceUntilTheLastOneGoes() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.attach(Self.phone, stored: Self.cursor(1))
        _ = ledger.attach(Self.phone, stored: Self.cursor(1))
        ledger.detach(Self.phone)
        #expect(ledger.cursor(of: Self.phone) == Self.cursor(1))
        ledger.detach(Self.phone)
        #expect(ledger.cursor(of: Self.phone) == nil)
    }

    /// Two ask the store; one of them has its answer, acknowledges and leaves before the other one has it.
    @Test func aLateAnswerOfTheStoreUndoesNothing() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        let known = [ledger.beginAttaching(Self.phone), ledger.beginAttaching(Self.phone)]
        #expect(known == [nil, nil])
        let first = ledger.finishAttaching(Self.phone, stored: Self.cursor(1))
        #expect(first == Self.cursor(1))
        _ = ledger.acknowledge(Self.phone, Self.cursor(5))
        _ = ledger.takeWaiting()
        ledger.saved()
        ledger.detach(Self.phone)
        let second = ledger.finishAttaching(Self.phone, stored: Self.cursor(1))
        #expect(second == Self.cursor(5))
    }

    @Test func whatCouldNotBeSavedWaitsAgainUnlessSomethingNewerDoes() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.acknowledge(Self.phone, Self.cursor(5))
        _ = ledger.acknowledge(Self.desk, Self.cursor(6))
        _ = ledger.takeWaiting()
        let action = ledger.acknowledge(Self.desk, Self.cursor(8))
        #expect(action == .wake)
        ledger.failed()
        let batch = ledger.takeWaiting()
        #expect(batch == [Self.phone: Self.cursor(5), Self.desk: Self.cursor(8)])
    }

    @Test func whatWaitsIsBounded() {
        var ledger = AcknowledgementLedger(maximumCount: 1)
        _ = ledger.acknowledge(Self.phone, Self.cursor(5))
        let before = ledger
        let rejected = ledger.acknowledge(Self.desk, Self.cursor(6))
        #expect(rejected == .reject)
        #expect(ledger == before)
        let known = ledger.acknowledge(Self.phone, Self.cursor(6))
        #expect(known == .none)
    }

    @Test func aLaterGenerationIsNewerWhateverItsNumber() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.attach(Self.phone, stored: Self.cursor(57, generation: 3))
        let action = ledger.acknowledge(Self.phone, Self.cursor(40, generation: 4))
        #expect(action == .wake)
    }

    @Test func aConsumerThatBeginsAnewMayAcknowledgeLess() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.attach(Self.phone, stored: Self.cursor(57))
        ledger.restart(Self.phone, from: Self.cursor(57))
        let action = ledger.acknowledge(Self.phone, Self.cursor(2))
        #expect(action == .wake)
    }

    @Test func whatAnotherTabHasAcknowledgedMeanwhileIsNotForgotten() {
        var ledger = AcknowledgementLedger(maximumCount: 10)
        _ = ledger.attach(Self.phone, stored: Self.cursor(57))
        _ = ledger.acknowledge(Self.phone, Self.cursor(3, generation: 2))
        let before = ledger
        ledger.restart(Self.phone, from: Self.cursor(57))
        #expect(ledger == before)
    }
}

extension AcknowledgementLedger {
    /// Somebody follows, and the store is asked if it has to be.
    fileprivate mutating func attach(_ key: ConsumerKey, stored: Cursor?) -> Cursor? {
        beginAttaching(key) ?? finishAttaching(key, stored: stored)
    }
}
