import Testing

@testable import AgentEventsSimulation

/// All sequences of a few inputs to a run; the release build of the simulation plays them one input deeper.
@Suite(.serialized, .ownThread, .timeLimit(.minutes(10))) struct RaceTests {
    @Test func everyRaceOfDepthThreeHasTheOutcomeOfTheTables() {
        let summary = Races.run(depth: 3)
        let violation = summary.violation.map { "\($0.race): \($0.problem)" }
        #expect(violation == nil)
        #expect(summary.raceCount > 2000 && summary.idleCount > 100)
    }

    @Test func aRaceIsReadAsItIsWritten() {
        let race = Race(.asking, [.yes, .toolEnd, .restart])
        #expect(race.description == "asking:yes,tool-end,restart")
        #expect(Race(race.description) == race)
        #expect(Race("asking:yes,maybe") == nil && Race("waiting:yes") == nil)
    }
}
