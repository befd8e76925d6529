import AgentEventsTesting
import Testing

@testable import AgentEvents

/// The memory of what was refused: bounded for each thread and in all, and gone with the thread.
struct RefusedEmissionsTests {
    private static func refusal(_ problem: String, at milliseconds: Int64 = 0) -> RefusedEmission {
        RefusedEmission(
            AgentEventsError(.storageFull, problem), of: [EventDraft(.custom(CustomEvent(name: "n", value: 1)))], at: 0,
            by: "u_9", head: nil, time: Timestamp(milliseconds: milliseconds))
    }

    private static func owner(_ number: Int, _ user: UserID = "u_1") throws -> RefusedEmissions.Owner {
        RefusedEmissions.Owner(thread: try ThreadID("t_\(number)"), user: user)
    }

    @Test func aThreadHasTheLatest32AndSaysHowManyWereForgotten() throws {
        var kept = RefusedEmissions()
        let (one, other) = (try Self.owner(1), try Self.owner(2))
        #expect(kept.of(one) == RefusedEmissions.OfThread())
        kept.add(Self.refusal("other"), of: other)
        for number in 0..<40 { kept.add(Self.refusal("\(number)"), of: one) }
        #expect(kept.of(one).refusals.map(\.message) == (8..<40).map(String.init))
        #expect(kept.of(one).forgottenCount == 8)
        #expect(kept.of(other).refusals.map(\.message) == ["other"] && kept.of(other).forgottenCount == 0)
        #expect(kept.count == 33)
    }

    @Test func theSameAgainCountsOnceMore() throws {
        var kept = RefusedEmissions()
        let owner = try Self.owner(1)
        for time in [5, 7, 9] { kept.add(Self.refusal("a", at: Int64(time)), of: owner) }
        kept.add(Self.refusal("b", at: 11), of: owner)
        kept.add(Self.refusal("a", at: 13), of: owner)
        let refusals = kept.of(owner).refusals
        #expect(refusals.map(\.message) == ["a", "b", "a"])
        #expect(refusals.map(\.times) == [3, 1, 1])
        #expect(refusals.map(\.time.milliseconds) == [5, 11, 13])
        #expect(refusals.map(\.lastTime.milliseconds) == [9, 11, 13])
        #expect(kept.count == 3)
    }

    @Test func theOldestOfAllThreadsGoesFirstAndOneThatHasManyTakesNoPlaceOfOthers() throws {
        var kept = RefusedEmissions()
        let quiet = try Self.owner(0)
        kept.add(Self.refusal("quiet"), of: quiet)
        for number in 0..<10_000 { kept.add(Self.refusal("\(number)"), of: try Self.owner(1)) }
        #expect(kept.of(quiet).refusals.count == 1)
        for number in 2..<1100 { kept.add(Self.refusal("x"), of: try Self.owner(number)) }
        #expect(kept.count == RefusedEmissions.maximumCount)
        #expect(kept.of(quiet) == RefusedEmissions.OfThread())
        #expect(kept.of(try Self.owner(1)).refusals.isEmpty)
        #expect(kept.of(try Self.owner(75)).refusals.isEmpty)
        #expect(kept.of(try Self.owner(76)).refusals.count == 1)
    }

    @Test func aDeletedThreadAndAUserThatIsGoneHaveNone() throws {
        var kept = RefusedEmissions()
        for number in 1...3 {
            kept.add(Self.refusal("a"), of: try Self.owner(number))
            kept.add(Self.refusal("b"), of: try Self.owner(number, "u_2"))
        }
        kept.forget(try Self.owner(1))
        #expect(kept.of(try Self.owner(1)).refusals.isEmpty)
        // The same id, had somebody else refused before the thread was there.
        #expect(kept.of(try Self.owner(1, "u_2")).refusals.count == 1)
        kept.forget("u_2")
        #expect(kept.count == 2)
        #expect(kept.of(try Self.owner(2)).refusals.map(\.message) == ["a"])
        #expect(kept.of(try Self.owner(2, "u_2")).refusals.isEmpty)
    }

    /// Against a list that is searched from end to end.
    @Test(arguments: 0..<20 as Range<UInt64>) func itIsAsAListWouldBe(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var kept = RefusedEmissions()
        var model: [(owner: RefusedEmissions.Owner, refusal: RefusedEmission)] = []
        for step in 0..<4000 {
            let owner = try Self.owner(Int.random(in: 0..<80, using: &random))
            if Int.random(in: 0..<200, using: &random) == 0 {
                kept.forget(owner)
                model.removeAll { $0.owner == owner }
                continue
            }
            let refusal = Self.refusal("\(Int.random(in: 0..<3, using: &random))", at: Int64(step))
            kept.add(refusal, of: owner)
            if let last = model.lastIndex(where: { $0.owner == owner }), refusal.repeats(model[last].refusal) {
                model[last].refusal.times += 1
                model[last].refusal.lastTime = refusal.time
                continue
            }
            model.append((owner, refusal))
            let own = model.indices.filter { model[$0].owner == owner }
            if own.count > RefusedEmissions.maximumCountOfThread { model.remove(at: own[0]) }
            if model.count > RefusedEmissions.maximumCount { model.removeFirst() }
            #expect(kept.count == model.count)
        }
        for number in 0..<80 {
            let owner = try Self.owner(number)
            #expect(kept.of(owner).refusals == model.filter { $0.owner == owner }.map(\.refusal))
        }
    }

    // MARK: One of them

    @Test func textsAndEventsHaveABound() throws {
        let long = String(repeating: "ä", count: 2000)
        let draft = EventDraft(runID: "r_1", .agentProgress(AgentProgress(message: long)))
        let error = AgentEventsError(
            OrderViolation(
                rule: .paused, eventType: "agent_progress", runID: "r_1", state: long, problem: "a" + long,
                legal: ["agent_resumed"]))
        let refusal = RefusedEmission(
            error, of: [draft, draft], at: 1, by: nil, head: nil, time: Timestamp(milliseconds: 0))
        #expect(refusal.message == "a" + String(repeating: "ä", count: 510) + "…")
        #expect(refusal.order?.state == String(repeating: "ä", count: 510) + "…")
        #expect(refusal.event == nil && refusal.eventByteCount ?? 0 > 4000)
        #expect(refusal.index == 1 && refusal.count == 2 && refusal.run == "r_1")
        let small = RefusedEmission(
            AgentEventsError(.storageFull, "full"), of: [EventDraft(.custom(CustomEvent(name: "n", value: 1)))], at: 0,
            by: "u_1", head: nil, time: Timestamp(milliseconds: 0))
        #expect(
            small.event.map { String(decoding: $0, as: UTF8.self) }
                == #"{"type":"custom","data":{"name":"n","value":1}}"#)
        #expect(small.eventByteCount == 47 && small.order == nil && small.eventType == "custom")
    }
}
