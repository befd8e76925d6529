import AgentEventsHub
import Testing

/// What one connection may send (SEC-62).
struct MessageLimitStateMachineTests {
    private typealias Machine = MessageLimitStateMachine

    private static func run(
        _ kind: Machine.Kind,
        count: Int,
        isEmitter: Bool = false,
        _ limits: LimitConfiguration = LimitConfiguration()
    ) -> [Machine.Action] {
        var machine = Machine(MessageRates(limits, isEmitter: isEmitter))
        return (0..<count).map { _ in machine.receive(kind, at: 0) }
    }

    /// A client with the most subscriptions comes back without a refusal, and one that continues to come back is refused.
    @Test(arguments: [
        (Machine.Kind.request, false, 200), (.request, true, 2000), (.subscription, false, 1100),
        (.subscription, true, 1100), (.snapshot, false, 110), (.snapshot, true, 110),
    ])
    private func whatComesAtOnceIsLimited(_ kind: Machine.Kind, _ isEmitter: Bool, _ burst: Int) {
        let actions = Self.run(kind, count: burst + 21, isEmitter: isEmitter)
        #expect(actions.prefix(burst).allSatisfy { $0 == .pass })
        for action in actions.dropFirst(burst).prefix(20) {
            guard case .refuse(let wait) = action else {
                Issue.record("\(action)")
                continue
            }
            #expect((1...100).contains(wait))
        }
        guard case .close = actions.last else {
            Issue.record("\(String(describing: actions.last))")
            return
        }
    }

    @Test func someMessagesAreNeverRefused() {
        #expect(Self.run(.free, count: 100_000).allSatisfy { $0 == .pass })
    }

    @Test func whoWaitsAsToldIsNotClosed() {
        var machine = Machine(MessageRates(LimitConfiguration(), isEmitter: false))
        var now: Int64 = 0
        var refused = 0
        for _ in 0..<10_000 {
            switch machine.receive(.request, at: now) {
            case .pass: now += 1
            case .refuse(let wait):
                refused += 1
                now += wait + 500
            case .close: Issue.record("closed")
            }
        }
        #expect(refused > 10)
    }

    @Test func strikesAreForgotten() {
        var limits = LimitConfiguration()
        limits.messages = RateLimit(1, per: .seconds(3600))
        var machine = Machine(MessageRates(limits, isEmitter: false))
        #expect(machine.receive(.request, at: 0) == .pass)
        for second in 1..<1000 as Range<Int64> {
            guard case .refuse = machine.receive(.request, at: second * 501) else {
                Issue.record("closed")
                return
            }
        }
    }

    /// A cursor that is none leads to a snapshot as well.
    @Test func snapshotsThatWereNotAskedForFirstCostAsMuch() {
        var machine = Machine(MessageRates(LimitConfiguration(), isEmitter: false))
        var count = 0
        while machine.receive(.subscription, at: 0) == .pass {
            machine.tookSnapshot(at: 0)
            count += 1
        }
        #expect(count == 110)
    }

    /// Frames without content cost something, too.
    @Test(arguments: [false, true])
    func framesMakeTheConnectionWait(isEmitter: Bool) {
        var machine = Machine(MessageRates(LimitConfiguration(), isEmitter: isEmitter))
        var frames = 0
        while machine.received(byteCount: 0, at: 0) == nil { frames += 1 }
        #expect(frames == 8192)
    }

    @Test func bytesMakeTheConnectionWait() {
        var machine = Machine(MessageRates(LimitConfiguration(), isEmitter: false))
        #expect(machine.received(byteCount: 1 << 20, at: 0) == nil)
        #expect(machine.received(byteCount: 1 << 20, at: 0) == nil)
        #expect(machine.received(byteCount: 1 << 20, at: 0) == 1000)
        #expect(machine.received(byteCount: 0, at: 1001) == nil)
    }

    @Test func withoutLimitsEverythingPasses() {
        for kind in Machine.Kind.allCases {
            #expect(Self.run(kind, count: 10_000, .none).allSatisfy { $0 == .pass })
        }
        var machine = Machine(MessageRates(.none, isEmitter: false))
        #expect(machine.received(byteCount: .max, at: 0) == nil)
    }

    /// A limit that there was not before has all of its burst left, whatever came; one that is gone refuses nothing.
    @Test func aLimitThatComesLaterCountsFromThen() {
        var limits = LimitConfiguration.none
        limits.messages = RateLimit(1, per: .seconds(3600), burst: 2)
        var machine = Machine(.none)
        for _ in 0..<1000 { #expect(machine.receive(.request, at: 1) == .pass) }
        machine.change(to: MessageRates(limits, isEmitter: false), at: 2)
        #expect((0..<3).map { _ in machine.receive(.request, at: 3) == .pass } == [true, true, false])
        machine.change(to: .none, at: 4)
        #expect(machine.receive(.request, at: 5) == .pass)
        machine.change(to: MessageRates(limits, isEmitter: false), at: 6)
        #expect((0..<3).map { _ in machine.receive(.request, at: 7) == .pass } == [true, true, false])
    }
}
