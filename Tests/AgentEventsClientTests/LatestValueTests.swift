import AgentEventsClient
import Testing

@Suite(.timeLimit(.minutes(10))) struct LatestValueTests {
    private typealias Machine = LatestValueStateMachine<Int, String>

    private static func text(_ action: Machine.NextAction) -> String {
        switch action {
        case .give(let value, let version): "\(value)@\(version)"
        case .wait: "wait"
        case .end: "end"
        }
    }

    @Test func eachReaderGetsTheLatestValueItHasNotSeen() {
        var machine = Machine(10)
        var actions = [nil, 0, 1].map { Self.text(machine.next(after: $0)) }
        #expect(actions == ["10@0", "wait", "wait"])
        _ = machine.set(11, version: 4)
        _ = machine.set(12, version: 7)
        actions = [nil, 0, 4, 7].map { Self.text(machine.next(after: $0)) }
        #expect(actions == ["12@7", "12@7", "12@7", "wait"])
        _ = machine.finish()
        actions = [nil, 4, 7].map { Self.text(machine.next(after: $0)) }
        #expect(actions == ["12@7", "12@7", "end"])
    }

    @Test func whatComesLateIsLeftOut() {
        var machine = Machine(10)
        _ = machine.set(12, version: 7)
        _ = machine.set(11, version: 4)
        let latest = machine.latest
        #expect(latest == 12)
        _ = machine.finish()
        _ = machine.set(13, version: 9)
        let last = machine.latest
        #expect(last == 12)
    }

    @Test func thoseWhoWaitAreWokenOnce() {
        var machine = Machine(10)
        let names = (machine.nextWaiter(), machine.nextWaiter())
        machine.wait("first", name: names.0)
        machine.wait("second", name: names.1)
        let cancelled = machine.cancel(names.0)
        #expect(cancelled == "first")
        let woken = machine.set(11, version: 1)
        #expect(woken == ["second"])
        let again = machine.set(12, version: 2)
        #expect(again.isEmpty)
        machine.wait("third", name: machine.nextWaiter())
        let ended = machine.finish()
        #expect(ended == ["third"])
    }

    @Test func aSlowReaderSeesTheLastOfManyAndTheEnd() async {
        let value = LatestValue(0)
        await withTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var seen: [Int] = []
                    var version: Int?
                    while let next = await value.next(after: version) {
                        seen.append(next.value)
                        version = next.version
                        await Task.yield()
                    }
                    return seen
                }
            }
            for number in 1...10_000 { value.set(number, version: number) }
            value.finish()
            for await seen in group {
                #expect(seen.last == 10_000)
                #expect(zip(seen, seen.dropFirst()).allSatisfy { $0 < $1 })
            }
        }
    }

    @Test func aCancelledReaderDoesNotWait() async {
        let value = LatestValue(0)
        let reader = Task { await value.next(after: 0)?.value }
        reader.cancel()
        let seen = await reader.value
        #expect(seen == nil)
    }
}
