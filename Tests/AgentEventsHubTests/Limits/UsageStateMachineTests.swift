import AgentEventsHub
import Testing

struct UsageStateMachineTests {
    private typealias Machine = UsageStateMachine<String>

    private static let rates: [RateLimit?] = [
        RateLimit(1, per: .seconds(1), burst: 2), RateLimit(3, per: .seconds(60)), nil,
    ]

    private static func machine(connections: Int? = 2, capacity: Int = 3) -> Machine {
        Machine(rates: rates, maximumConnectionCount: connections, capacity: capacity)
    }

    @Test func severalRatesAreTakenTogetherOrNotAtAll() {
        var machine = Self.machine()
        #expect(machine.take([0, 1], by: "a", at: 0) == .allowed)
        #expect(machine.take([0, 1], by: "a", at: 0) == .allowed)
        #expect(machine.take([0, 1], by: "a", at: 0) == .refused(rate: 0, retryAfterMilliseconds: 1000))
        #expect(machine.take([0, 1], by: "a", at: 1000) == .allowed)
        // The second rate is exceeded now, and the first one loses nothing by that.
        #expect(machine.take([0, 1], by: "a", at: 2000) == .refused(rate: 1, retryAfterMilliseconds: 18_000))
        #expect(machine.take([0], by: "a", at: 2000) == .allowed)
        #expect(machine.take([2], by: "a", at: 2000) == .allowed)
        #expect(machine.take([0, 1], by: "b", at: 2000) == .allowed)
    }

    @Test func aFactorAllowsMore() {
        var machine = Self.machine()
        for _ in 0..<30 { #expect(machine.take([1], by: "a", factor: 10, at: 0) == .allowed) }
        #expect(machine.take([1], by: "a", factor: 10, at: 0) == .refused(rate: 1, retryAfterMilliseconds: 2000))
    }

    @Test func aLookTakesNothing() {
        var machine = Self.machine()
        for _ in 0..<9 { #expect(machine.check([0], by: "a", at: 0) == .allowed) }
        #expect(machine.count == 0)
        // Of one that is known, too: of two uses one is left after all looks.
        #expect(machine.take([0], by: "a", at: 0) == .allowed)
        for _ in 0..<9 { #expect(machine.check([0], by: "a", at: 0) == .allowed) }
        #expect(machine.take([0], by: "a", at: 0) == .allowed)
        for _ in 0..<9 { #expect(machine.check([0], by: "a", at: 0) != .allowed) }
        #expect(machine.check([0], by: "a", at: 1000) == .allowed)
    }

    @Test func connectionsAreCountedUntilTheyEnd() {
        var machine = Self.machine()
        #expect(machine.connect("a", [], at: 0) == .allowed)
        #expect(machine.connect("a", [], at: 0) == .allowed)
        #expect(machine.connect("a", [], at: 0) == .refused(rate: nil, retryAfterMilliseconds: nil))
        #expect(machine.connect("b", [], at: 0) == .allowed)
        machine.disconnect("a")
        #expect(machine.connect("a", [], at: 0) == .allowed)
        #expect(machine.connect("a", [], at: 0) != .allowed)
        for _ in 0..<9 { machine.disconnect("a") }
        #expect(machine.connect("a", [], at: 0) == .allowed)
        #expect(machine.connect("a", [], at: 0) == .allowed)
        #expect(machine.connect("a", [], at: 0) != .allowed)
    }

    @Test func aConnectionThatComesTooOftenIsNotCounted() {
        var machine = Self.machine(connections: 9)
        for _ in 0..<2 { #expect(machine.connect("a", [0], at: 0) == .allowed) }
        #expect(machine.connect("a", [0], at: 0) == .refused(rate: 0, retryAfterMilliseconds: 1000))
        for _ in 0..<2 { machine.disconnect("a") }
        for _ in 0..<9 { #expect(machine.connect("a", [], at: 0) == .allowed) }
    }

    /// What is known of a key that may do everything again is forgotten for another one; else there is no room.
    @Test func whereThereIsNoRoomEverythingPasses() {
        var machine = Self.machine(connections: 1)
        _ = machine.take([0], by: "used", at: 0)
        _ = machine.connect("connected", [], at: 0)
        _ = machine.take([0], by: "third", at: 0)
        #expect(machine.count == 3)
        #expect(machine.take([0], by: "d", at: 0) == .untracked)
        #expect(machine.connect("d", [], at: 0) == .untracked)
        // Not looked for more often than once a second.
        #expect(machine.take([0], by: "d", at: 999) == .untracked)
        #expect(machine.take([0], by: "d", at: 1000) == .allowed)
        #expect(machine.count == 2)
        #expect(machine.connect("connected", [], at: 1000) == .refused(rate: nil, retryAfterMilliseconds: nil))
    }
}
