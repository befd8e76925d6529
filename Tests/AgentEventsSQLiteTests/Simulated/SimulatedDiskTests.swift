import AgentEvents
import Testing

@testable import AgentEventsSQLite

/// The whole log on a disk that loses whatever it may lose: at `disk` nothing that was acknowledged is lost with the power,
/// at `process` nothing with the process; nothing torn is taken for an event, and the order stays dense.
@Suite struct SimulatedDiskTests {
    private static let chunk: UInt64 = 50

    @Test(arguments: 0..<8 as Range<UInt64>, SQLiteEventLog.Durability.allCases)
    func nothingThatWasAcknowledgedIsLost(chunk: UInt64, durability: SQLiteEventLog.Durability) async throws {
        for seed in chunk * Self.chunk..<(chunk + 1) * Self.chunk {
            var history = try SimulatedHistory(seed: seed, durability: durability)
            do {
                try await history.run(steps: 60)
            } catch {
                Issue.record("seed \(seed): \(error), after\n\(history.trace.suffix(40).joined(separator: "\n"))")
                return
            }
        }
    }
}
