import AgentEvents
import AgentEventsTesting
import Testing

/// Seeded random threads; a failure names the seed of its thread.
@Suite struct ThreadStatePropertyTests {
    /// Small enough that something is dropped in most threads.
    private static func tightLimits(_ generator: inout SeededGenerator) -> ThreadState.Limits {
        var limits = ThreadState.Limits()
        limits.messageCount = 1 + generator.below(3)
        limits.messageByteCount = generator.below(300)
        limits.runCount = 1 + generator.below(2)
        limits.runByteCount = generator.below(100)
        limits.entryCount = 1 + generator.below(3)
        limits.entryByteCount = generator.below(200)
        limits.thoughtByteCount = generator.below(60)
        return limits
    }

    /// The state as it comes back from a store.
    private static func restored(_ state: ThreadState) throws -> ThreadState {
        try ThreadState(json: JSONValue(parsing: state.json.encoded()))
    }

    @Test(arguments: 0..<8)
    func stateThroughJSONPlusTheRestIsTheWhole(part: Int) throws {
        var (droppedMessages, droppedRuns, droppedEntries) = (0, 0, 0)
        for number in 0..<12 {
            let seed = UInt64(part * 12 + number)
            let events = try RandomThread(seed: seed).events
            var generator = SeededGenerator(seed: seed)
            let limits = number.isMultiple(of: 2) ? ThreadState.Limits() : Self.tightLimits(&generator)
            let whole = ThreadState(folding: events, limits: limits)
            var before = ThreadState(limits: limits)
            for k in 0...events.count {
                var state = try Self.restored(before)
                guard state == before, state.json == before.json else {
                    Issue.record("seed \(seed), the state after \(k) events does not come back from JSON")
                    return
                }
                for event in events[k...] { state.apply(event) }
                guard state == whole, state.json.encoded() == whole.json.encoded() else {
                    Issue.record("seed \(seed), from event \(k): not the fold of all")
                    return
                }
                if k < events.count { before.apply(events[k]) }
            }
            #expect(whole.cursor == events.last?.id)
            droppedMessages += whole.dropped.messages
            droppedRuns += whole.dropped.runs
            droppedEntries += whole.dropped.entries
        }
        let isWild = droppedMessages > 20 && droppedRuns > 4 && droppedEntries > 4
        #expect(isWild, "too tame: dropped \(droppedMessages), \(droppedRuns), \(droppedEntries)")
    }

    @Test(arguments: 0..<8)
    func mergedEventsGiveTheSameState(part: Int) throws {
        var mergedCount = 0
        for number in 0..<60 {
            let seed = UInt64(1_000_000 + part * 60 + number)
            let thread = try RandomThread(seed: seed)
            var generator = SeededGenerator(seed: seed)
            let limits = number.isMultiple(of: 2) ? ThreadState.Limits() : Self.tightLimits(&generator)
            let merged = FragmentMerge.merging(try thread.stored(), maximumByteCount: 200 + generator.below(1000))
            let events = try merged.map { try EventDecoder.decode($0.event.bytes) }
            guard
                ThreadState(folding: events, limits: limits) == ThreadState(folding: thread.events, limits: limits)
            else {
                Issue.record("seed \(seed): not the same")
                return
            }
            mergedCount += thread.events.count - merged.count
        }
        #expect(mergedCount > 300, "too tame: \(mergedCount)")
    }

    @Test func openWorkIsThatOfTheStateMachine() throws {
        for seed in 2_000_000..<2_000_200 as Range<UInt64> {
            var machine = ThreadStateMachine(policy: .standard)
            var state = ThreadState()
            for event in try RandomThread(seed: seed).events {
                machine.restore(event)
                state.apply(event)
                let isRight =
                    state.openRuns.map(\.runID) == machine.openRuns
                    && state.runs.allSatisfy { machine.isOpen($0.runID) == !$0.status.isEnd }
                    && state.calls.allSatisfy { machine.openedTime(ofCall: $0.callID, in: $0.runID) == $0.startedAt }
                    && state.messages.allSatisfy { message in
                        guard let run = message.runID, !message.isComplete else { return true }
                        return machine.openMessageText(message.messageID, in: run) == message.text
                    }
                guard isRight else {
                    Issue.record("seed \(seed), after \(event.id): the state does not show what is open")
                    return
                }
            }
        }
    }
}
