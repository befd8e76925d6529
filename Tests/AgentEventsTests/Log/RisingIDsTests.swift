import AgentEvents
import Testing

struct RisingIDsTests {
    private static func ids(_ sequences: [UInt64], generation: UInt64 = 2) -> [EventID] {
        sequences.map { EventID(generation: generation, sequence: $0) }
    }

    @Test(
        arguments: [
            ([1], 0), ([7, 8, 9], 0), ([1, 2, 4], 1), ([1, 3, 4, 9, 10, 12], 3), ([1, .max], 1), ([.max - 1, .max], 0),
        ] as [([UInt64], Int)])
    func idsAreGivenBackAsTheyWere(_ sequences: [UInt64], gapCount: Int) throws {
        let ids = Self.ids(sequences)
        let rising = try #require(RisingIDs(ids))
        #expect(rising.ids == ids)
        #expect(rising.gaps.count == gapCount)
        #expect(RisingIDs(first: rising.first, count: rising.count, gaps: rising.gaps) == rising)
    }

    @Test(arguments: [[], [2, 2], [2, 1], [1, 2, 3, 3]] as [[UInt64]])
    func whatDoesNotRiseIsRefused(_ sequences: [UInt64]) {
        #expect(RisingIDs(Self.ids(sequences)) == nil)
    }

    @Test func idsOfTwoGenerationsAreRefused() {
        #expect(RisingIDs(Self.ids([1]) + Self.ids([2], generation: 3)) == nil)
    }

    @Test(
        arguments: [
            (0, []), (-1, []), (3, [(0, 1)]), (3, [(3, 1)]), (3, [(1, 0)]), (3, [(2, 1), (1, 1)]),
            (3, [(1, 1), (1, 1)]),
            (3, [(1, .max)]), (3, [(1, .max - 10), (2, 8)]), (.max, [(1, UInt64(Int.max) + 2)]),
        ] as [(Int, [(Int, UInt64)])])
    func whatCannotHaveBeenIdsIsRefused(_ count: Int, _ gaps: [(Int, UInt64)]) {
        let first = EventID(generation: 1, sequence: 1)
        let gaps = gaps.map { RisingIDs.Gap(position: $0.0, width: $0.1) }
        #expect(RisingIDs(first: first, count: count, gaps: gaps) == nil)
    }
}
