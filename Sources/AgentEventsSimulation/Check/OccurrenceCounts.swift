/// How often each kind of occurrence happened.
package struct OccurrenceCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: Occurrence.allCases.count)

    package subscript(occurrence: Occurrence) -> Int {
        get { counts[occurrence.rawValue] }
        set { counts[occurrence.rawValue] = newValue }
    }

    mutating func add(_ other: OccurrenceCounts) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// What never happened.
    package var missing: [Occurrence] { Occurrence.allCases.filter { self[$0] == 0 } }
}
