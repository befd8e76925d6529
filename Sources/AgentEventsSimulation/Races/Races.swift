/// All races up to a depth, from every scene: each sequence of inputs has the one outcome that the tables name, and leaves
/// nothing behind.
package enum Races {
    /// What came of them.
    package struct Summary: Sendable {
        /// The number of races that were played.
        package var raceCount = 0
        /// The number of sequences that stand for shorter ones, because an input met nobody.
        package var idleCount = 0
        package var violation: (race: Race, problem: String)?
    }

    /// Plays them in the order of their names, up to the first that is not as it should be.
    ///
    /// - Parameter depth: the number of inputs of each.
    package static func run(
        depth: Int,
        scenes: [RaceScene] = RaceScene.allCases,
        inputs: [RaceInput] = RaceInput.allCases
    ) -> Summary {
        var summary = Summary()
        for scene in scenes {
            var places = [Int](repeating: 0, count: depth)
            while true {
                let race = Race(scene, places.map { inputs[$0] })
                var last = depth - 1
                switch RaceWorld(race).play() {
                case .clean:
                    summary.raceCount += 1
                case .idle(let index):
                    summary.idleCount += 1
                    // Everything that begins so is played without this input.
                    last = index
                case .violated(let problem):
                    summary.violation = (race, problem)
                    return summary
                }
                guard advance(&places, at: last, inputs.count) else { break }
            }
        }
        return summary
    }

    /// Plays one race.
    ///
    /// - Returns: what is not as it should be; `nil` when everything is.
    package static func problem(of race: Race) -> String? {
        if case .violated(let problem) = RaceWorld(race).play() { problem } else { nil }
    }

    /// The next sequence that differs at a place or before it.
    private static func advance(_ places: inout [Int], at last: Int, _ count: Int) -> Bool {
        for index in places.indices where index > last { places[index] = 0 }
        var index = last
        while index >= 0 {
            places[index] += 1
            if places[index] < count { return true }
            places[index] = 0
            index -= 1
        }
        return false
    }
}
