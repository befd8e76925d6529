/// How large a simulated world is, and how much goes wrong in it.
package struct WorldSize: Hashable, Sendable {
    package var threadCount: Int
    /// Clients that speak the protocol themselves.
    package var clientCount: Int
    /// Programs with the Swift client.
    package var applicationCount: Int
    package var loopCount: Int
    /// How many threads a client follows.
    package var followedCount: Int
    /// A fault happens once in this number of steps, about; 0 for never.
    package var faultInterval: Int
    /// With this number of bytes that a client has not taken, nothing further is sent to it.
    package var watermarkByteCount: Int
    /// How many events wait for the reader of a thread at most.
    package var inboxEventCount: Int

    /// - Parameter random: the size is made from it.
    init(_ random: inout SimulationRandom) {
        // Small worlds find what needs much to happen to few, large ones what needs many at once.
        let isSmall = random.below(8) < 4
        threadCount = 1 + random.below(isSmall ? 3 : 8)
        clientCount = 1 + random.below(isSmall ? 4 : 12)
        applicationCount = random.below(isSmall ? 3 : 6)
        loopCount = 1 + random.below(3)
        followedCount = min(threadCount, 1 + random.below(3))
        faultInterval = [20, 60, 200, 1000][random.below(4)]
        watermarkByteCount = [512, 2048, 8192][random.below(3)]
        inboxEventCount = [2, 16, 128][random.below(3)]
    }
}

extension WorldSize: CustomStringConvertible {
    private var numbers: [Int] {
        [
            threadCount, clientCount, applicationCount, loopCount, followedCount, faultInterval, watermarkByteCount,
            inboxEventCount,
        ]
    }

    package var description: String { numbers.map(String.init).joined(separator: "x") }

    package init?(_ text: some StringProtocol) {
        let numbers = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard numbers.count == 8, numbers.allSatisfy({ $0 >= 0 }), numbers[0] > 0, numbers[1] > 0, numbers[3] > 0
        else { return nil }
        threadCount = numbers[0]
        clientCount = numbers[1]
        applicationCount = numbers[2]
        loopCount = numbers[3]
        followedCount = min(max(1, numbers[4]), numbers[0])
        faultInterval = numbers[5]
        watermarkByteCount = max(1, numbers[6])
        inboxEventCount = max(1, numbers[7])
    }
}
