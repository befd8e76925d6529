import Testing

@testable import AgentEvents

/// The count of tokens of a day, by steps.
struct TokenBudgetStateMachineTests {
    private static let day: Int64 = 24 * 60 * 60 * 1000
    private static let noon = Timestamp(milliseconds: 20_000 * day + day / 2)

    private static func at(_ milliseconds: Int64) -> Timestamp {
        Timestamp(milliseconds: noon.milliseconds + milliseconds)
    }

    private static func opened() -> TokenBudgetStateMachine {
        var machine = TokenBudgetStateMachine()
        machine.open(at: noon)
        return machine
    }

    @Test(
        arguments: [
            (0, 0), (1, 0), (86_399_999, 0), (86_400_000, 1), (-1, -1), (-86_400_000, -1), (-86_400_001, -2),
        ] as [(Int64, Int64)])
    func aDayBeginsAtMidnightInUTC(_ milliseconds: Int64, _ day: Int64) {
        #expect(Timestamp(milliseconds: milliseconds).utcDay == day)
        #expect(Timestamp(utcDay: day).milliseconds == day * Self.day)
    }

    /// On the day of the opening the log is read, by one; those who come meanwhile wait.
    @Test func whatWasUsedBeforeTheOpeningIsReadOnce() {
        var machine = Self.opened()
        let first = machine.begin("u_1", at: Self.noon)
        #expect(first == .read(since: Timestamp(milliseconds: 20_000 * Self.day)))
        let second = machine.begin("u_1", at: Self.noon)
        #expect(second == .wait && machine.isReading("u_1") && !machine.isKnown("u_1", at: Self.noon))
        machine.didRead(7, of: "u_1", since: Timestamp(utcDay: 20_000))
        let third = machine.begin("u_1", at: Self.noon)
        #expect(third == .known && machine.isKnown("u_1", at: Self.noon))
        machine.didReport(5, of: "u_1", at: Self.at(1))
        #expect(machine.tokens(of: "u_1", at: Self.at(2)) == 12 && machine.tokens(of: "u_2", at: Self.at(2)) == 0)
    }

    @Test func whatCouldNotBeReadIsReadAgain() {
        var machine = Self.opened()
        _ = machine.begin("u_1", at: Self.noon)
        machine.didRead(nil, of: "u_1", since: Timestamp(utcDay: 20_000))
        guard case .read = machine.begin("u_1", at: Self.noon) else {
            Issue.record("nobody reads it again")
            return
        }
    }

    /// Of a day that is over nothing counts and nothing is kept; and on later days nothing is read.
    @Test func aNewDayBeginsWithNothing() throws {
        var machine = Self.opened()
        for number in 0..<100 { machine.didReport(9, of: try UserID("u_\(number)"), at: Self.noon) }
        let tomorrow = Self.at(Self.day / 2)
        #expect(machine.tokens(of: "u_1", at: Self.at(Self.day / 2 - 1)) == 9)
        #expect(machine.tokens(of: "u_1", at: tomorrow) == 0)
        let new = machine.begin("u_new", at: tomorrow)
        #expect(new == .known && machine.isKnown("u_new", at: tomorrow))
        machine.didReport(3, of: "u_1", at: tomorrow)
        #expect(machine.count == 100 && machine.tokens(of: "u_1", at: tomorrow) == 3)
        machine.didReport(1, of: "u_1", at: Self.at(3 * Self.day / 2))
        #expect(machine.count == 1)
    }

    /// The clock is ahead for a moment: what is used after it counts, and what was used before it does still.
    @Test func aClockThatWasAheadForgetsNothing() {
        var machine = Self.opened()
        let tomorrow = Self.at(Self.day)
        machine.didReport(9, of: "u_1", at: Self.noon)
        machine.didReport(9, of: "u_2", at: Self.noon)
        machine.didReport(1, of: "u_2", at: tomorrow)
        machine.didReport(5, of: "u_1", at: Self.at(1))
        machine.didReport(5, of: "u_2", at: Self.at(1))
        #expect(machine.tokens(of: "u_1", at: Self.at(2)) == 14 && machine.tokens(of: "u_2", at: Self.at(2)) == 6)
        #expect(machine.tokens(of: "u_1", at: tomorrow) == 0)
    }

    @Test func theSumDoesNotOverflow() {
        var machine = Self.opened()
        machine.didReport(.max, of: "u_1", at: Self.noon)
        machine.didReport(5, of: "u_1", at: Self.noon)
        #expect(machine.tokens(of: "u_1", at: Self.noon) == .max)
    }
}
