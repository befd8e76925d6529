import AgentEvents
import Testing

@testable import AgentEventsHub

struct RightsTableTests {
    private static func request(_ user: UserID, _ thread: ThreadID, owner: UserID? = nil) -> RightsRequest {
        RightsRequest(principal: Principal(user: user), thread: thread, owner: owner)
    }

    private static func answer(until seconds: Int, epoch: UInt64 = 0) -> RightsAnswer {
        RightsAnswer(rights: .read, owner: nil, expires: .seconds(seconds), epoch: epoch)
    }

    private static func keep(
        _ answer: RightsAnswer, to request: RightsRequest, at now: Duration, _ table: inout RightsTable
    ) -> Bool {
        table.keep(answer, to: request, at: now)
    }

    @Test func anAnswerIsFoundUntilItEnds() {
        var table = RightsTable(maximumCount: 10)
        let request = Self.request("u_1", "t_1")
        #expect(Self.keep(Self.answer(until: 30), to: request, at: .zero, &table))
        #expect(table.find(request, at: .seconds(29)) == Self.answer(until: 30))
        #expect(table.find(request, at: .seconds(30)) == nil)
        // Another question, also about the same thread once it has an owner, and of the same user with other scopes.
        #expect(table.find(Self.request("u_1", "t_1", owner: "u_1"), at: .zero) == nil)
        var other = request
        other.principal.scopes = [.emit]
        #expect(table.find(other, at: .zero) == nil)
    }

    @Test func whatHasEndedIsUsedOnceAndNotKept() {
        var table = RightsTable(maximumCount: 10)
        #expect(Self.keep(Self.answer(until: 5), to: Self.request("u_1", "t_1"), at: .seconds(5), &table))
        #expect(table.count == 0)
    }

    @Test func theOldestGoesFirstAndALaterAnswerHasAPlaceOfItsOwn() {
        var table = RightsTable(maximumCount: 2)
        let (one, two, three) = (Self.request("u_1", "t_1"), Self.request("u_1", "t_2"), Self.request("u_1", "t_3"))
        #expect(Self.keep(Self.answer(until: 30), to: one, at: .zero, &table))
        #expect(Self.keep(Self.answer(until: 31), to: two, at: .seconds(1), &table))
        #expect(Self.keep(Self.answer(until: 32), to: one, at: .seconds(2), &table))
        #expect(table.find(one, at: .seconds(31)) != nil)
        #expect(Self.keep(Self.answer(until: 33), to: three, at: .seconds(3), &table))
        #expect(table.find(two, at: .seconds(3)) == nil)
        #expect(table.find(one, at: .seconds(3)) != nil)
        #expect(table.find(three, at: .seconds(3)) != nil)
        #expect(table.count == 2)
    }

    @Test func whatHasEndedMakesRoom() {
        var table = RightsTable(maximumCount: 100)
        for number in 0..<50 {
            let request = Self.request("u_1", ThreadID(stringLiteral: "t_\(number)"))
            #expect(Self.keep(Self.answer(until: number + 30), to: request, at: .seconds(number), &table))
        }
        #expect(table.count == 30)
    }

    @Test(
        arguments: [
            (nil, nil, []), ("u_1", nil, [2, 3]), (nil, "t_1", [1, 3]), ("u_1", "t_1", [1, 2, 3]),
            ("u_9", nil, [0, 1, 2, 3]),
        ] as [(UserID?, ThreadID?, [Int])])
    func aChangeOfRightsTakesWhatItConcerns(user: UserID?, thread: ThreadID?, rest: [Int]) {
        var table = RightsTable(maximumCount: 10)
        let requests = [
            Self.request("u_1", "t_1"), Self.request("u_1", "t_2"), Self.request("u_2", "t_1"),
            Self.request("u_2", "t_2"),
        ]
        for request in requests { #expect(Self.keep(Self.answer(until: 30), to: request, at: .zero, &table)) }
        table.invalidate(user: user, thread: thread)
        #expect(requests.indices.filter { table.find(requests[$0], at: .zero) != nil } == rest)
        // What was asked before does not count; what is left does.
        #expect(!Self.keep(Self.answer(until: 30), to: requests[0], at: .zero, &table))
        #expect(rest.allSatisfy { table.find(requests[$0], at: .zero)?.epoch == table.epoch })
        #expect(Self.keep(Self.answer(until: 30, epoch: 1), to: requests[0], at: .zero, &table))
    }
}
