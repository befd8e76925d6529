import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct EndedRunsTests {
    @Test func aRunIsKeptUntilItIsCommitted() {
        var ended = EndedRuns()
        ended.insert("r_1")
        ended.insert("r_2")
        #expect(ended.contains("r_1") && !ended.contains("r_3"))
        // Not offered yet.
        ended.forget(committedThrough: .max)
        #expect(ended.runs == ["r_1", "r_2"])
        ended.didOffer(at: 5)
        ended.insert("r_3")
        ended.didOffer(at: 7)
        ended.forget(committedThrough: 4)
        #expect(ended.count == 3)
        ended.forget(committedThrough: 5)
        #expect(ended.runs == ["r_3"])
        ended.forget(committedThrough: 7)
        #expect(ended.count == 0)
    }

    @Test func whatWasNotOfferedIsTakenBack() {
        var ended = EndedRuns()
        ended.insert("r_1")
        ended.didOffer(at: 1)
        ended.insert("r_2")
        ended.insert("r_3")
        ended.removeLast(2)
        #expect(ended.runs == ["r_1"])
        ended.insert("r_3")
        ended.didOffer(at: 2)
        ended.forget(committedThrough: 1)
        #expect(ended.runs == ["r_3"])
    }

    /// The answer of a look-up that began earlier does not have it.
    @Test func aRunIsKeptAsLongAsALookUpMayMissIt() {
        var ended = EndedRuns()
        ended.beginLookUp(committedThrough: 3)
        ended.beginLookUp(committedThrough: 3)
        ended.beginLookUp(committedThrough: 5)
        for (run, position) in [("r_3", 3), ("r_4", 4), ("r_5", 5), ("r_6", 6)] as [(RunID, UInt64)] {
            ended.insert(run)
            ended.didOffer(at: position)
        }
        ended.forget(committedThrough: 9)
        #expect(ended.runs == ["r_4", "r_5", "r_6"])
        ended.endLookUp(committedThrough: 3)
        ended.forget(committedThrough: 9)
        #expect(ended.runs == ["r_4", "r_5", "r_6"])
        ended.endLookUp(committedThrough: 3)
        ended.forget(committedThrough: 9)
        #expect(ended.runs == ["r_6"])
        ended.endLookUp(committedThrough: 5)
        ended.forget(committedThrough: 9)
        #expect(ended.count == 0)
    }

    /// Random histories: whenever a look-up ends, it or the memory knows each run that has ended.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func betweenMemoryAndLogNoRunIsMissed(seed: UInt64) {
        var randomness = SeededGenerator(seed: seed)
        var ended = EndedRuns()
        var all: [(run: RunID, position: UInt64)] = []
        var lookUps: [(position: UInt64, answer: Set<RunID>)] = []
        var (offered, committed): (UInt64, UInt64) = (0, 0)
        var mostKept = 0
        for step in 0..<400 {
            switch randomness.below(6) {
            case 0, 1:
                offered += 1
                let run = RunID(stringLiteral: "r_\(step)")
                ended.insert(run)
                ended.didOffer(at: offered)
                all.append((run, offered))
            case 2:
                committed += UInt64(randomness.below(Int(offered - committed) + 1))
            case 3:
                ended.forget(committedThrough: committed)
            case 4:
                // The log has at least what was committed when it is asked.
                ended.beginLookUp(committedThrough: committed)
                lookUps.append((committed, Set(all.filter { $0.position <= committed }.map(\.run))))
            default:
                guard !lookUps.isEmpty else { continue }
                let lookUp = lookUps.remove(at: randomness.below(lookUps.count))
                let missed = all.filter { !lookUp.answer.contains($0.run) && !ended.contains($0.run) }
                #expect(missed.isEmpty, "seed \(seed), step \(step)")
                ended.endLookUp(committedThrough: lookUp.position)
            }
            mostKept = max(mostKept, ended.count)
        }
        for lookUp in lookUps { ended.endLookUp(committedThrough: lookUp.position) }
        ended.forget(committedThrough: offered)
        #expect(ended.count == 0 && mostKept > 0)
    }
}
