/// How large a simulated world is, and how much goes wrong in it.
package struct WorldSize: Hashable, Sendable {
    package var threadCount: Int
    package var clientCount: Int
    package var loopCount: Int
    /// How many threads a client follows.
    package var followedCount: Int
    /// A fault happens about once in so many steps; 0 for never.
    package var faultInterval: Int
    /// From so many bytes on that a client has not taken, nothing further is sent to it.
    package var watermarkByteCount: Int
    /// How many events wait for the reader of a thread at most.
    package var inboxEventCount: Int

    /// - Parameter random: what the size is made from.
    init(_ random: inout SimulationRandom) {
        // Small worlds find what needs much to happen to few, large ones what needs many at once.
        let scale = random.below(8)
        threadCount = 1 + random.below(scale < 4 ? 3 : 24)
        clientCount = 1 + random.below(scale < 4 ? 6 : scale < 7 ? 80 : 500)
        loopCount = 1 + random.below(3)
        followedCount = min(threadCount, 1 + random.below(3))
        faultInterval = [20, 60, 200, 1000][random.below(4)]
        watermarkByteCount = [512, 2048, 8192][random.below(3)]
        inboxEventCount = [2, 16, 128][random.below(3)]
    }
}

extension WorldSize {
    /// With fewer clients: each has a connection of its own, and everything that it is sent.
    var forRealShells: WorldSize {
        var size = self
        size.threadCount = min(threadCount, 8)
        size.clientCount = 1 + clientCount % 12
        return size
    }
}

extension WorldSize: CustomStringConvertible {
    private var numbers: [Int] {
        [
            threadCount, clientCount, loopCount, followedCount, faultInterval, watermarkByteCount, inboxEventCount,
        ]
    }

    package var description: String { numbers.map(String.init).joined(separator: "x") }

    package init?(_ text: some StringProtocol) {
        let numbers = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard numbers.count == 7, numbers.allSatisfy({ $0 >= 0 }), numbers.prefix(3).allSatisfy({ $0 > 0 }) else {
            return nil
        }
        threadCount = numbers[0]
        clientCount = numbers[1]
        loopCount = numbers[2]
        followedCount = min(max(1, numbers[3]), numbers[0])
        faultInterval = numbers[4]
        watermarkByteCount = max(1, numbers[5])
        inboxEventCount = max(1, numbers[6])
    }
}
