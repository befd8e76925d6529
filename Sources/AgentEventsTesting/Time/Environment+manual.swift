package import AgentEvents
import Synchronization

extension Environment {
    /// An environment whose time a test moves, and whose random numbers are the same every time.
    package static func manual(_ clock: ManualClock, seed: UInt64 = 1) -> Environment {
        let numbers = RandomNumbers(seed: seed)
        return Environment(
            wallClock: clock.wallClock, clock: clock, randomNumber: { numbers.next() },
            backgroundExecutor: Environment.system.backgroundExecutor)
    }
}

private final class RandomNumbers: Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func next() -> UInt64 { generator.withLock { $0.next() } }
}
