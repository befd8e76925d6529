import Testing

@testable import AgentEventsHub

/// A deadline of 10 and a sweep every 2.
struct ProgressStateMachineTests {
    private struct Walk: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Which sweep closes, from 1; `nil` for none.
        var closes: Int?
        /// How many bytes were written, and how many wait, at the sweep of a number from 0.
        var bytes: @Sendable (_ sweep: Int) -> (written: Int, pending: Int)
    }

    private static let walks = [
        Walk(testDescription: "nothing was ever written") { _ in (0, 0) },
        Walk(testDescription: "everything is taken") { _ in (1000, 0) },
        Walk(testDescription: "nothing is taken", closes: 5) { _ in (1000, 1000) },
        Walk(testDescription: "nothing further is taken", closes: 6) { $0 == 0 ? (1000, 0) : (2000, 1000) },
        Walk(testDescription: "more is written, nothing is taken", closes: 5) { (1000 + $0, 1000 + $0) },
        Walk(testDescription: "a byte now and then") { (1000, 1000 - $0 / 4) },
        Walk(testDescription: "as much comes as is taken") { (1000 + 7 * $0, 500) },
        Walk(testDescription: "a byte too late", closes: 5) { (1000, 1000 - $0 / 6) },
    ]

    @Test(arguments: walks)
    private func whoeverTakesNothingIsClosedAtTheDeadline(_ walk: Walk) {
        var machine = ProgressStateMachine(deadline: 10)
        var closes: Int?
        for sweep in 0..<40 where closes == nil {
            let bytes = walk.bytes(sweep)
            let action = machine.sweep(
                elapsed: 2, writtenByteCount: UInt64(bytes.written), pendingByteCount: bytes.pending)
            if action == .close { closes = sweep + 1 }
        }
        #expect(closes == walk.closes)
    }

    @Test func aPauseStartsTheDeadlineAnew() {
        var machine = ProgressStateMachine(deadline: 10)
        for _ in 0..<4 { _ = machine.sweep(elapsed: 2, writtenByteCount: 10, pendingByteCount: 10) }
        _ = machine.sweep(elapsed: 2, writtenByteCount: 10, pendingByteCount: 0)
        var actions: [ProgressStateMachine.Action] = []
        for _ in 0..<5 { actions.append(machine.sweep(elapsed: 2, writtenByteCount: 20, pendingByteCount: 10)) }
        #expect(actions == [.none, .none, .none, .none, .close])
    }
}
