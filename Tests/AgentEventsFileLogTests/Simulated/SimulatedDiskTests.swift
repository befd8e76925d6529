import AgentEvents
import Testing

@testable import AgentEventsFileLog

/// The whole log on a disk that loses whatever it may lose: at `disk` nothing that was acknowledged is lost with the power,
/// at `process` nothing with the process; nothing torn is taken for an event, and the order stays dense.
@Suite struct SimulatedDiskTests {
    private static let chunk: UInt64 = 25

    @Test(arguments: 0..<8 as Range<UInt64>, FileEventLog.Durability.allCases)
    func nothingThatWasAcknowledgedIsLost(chunk: UInt64, durability: FileEventLog.Durability) async throws {
        for seed in chunk * Self.chunk..<(chunk + 1) * Self.chunk {
            var history = try SimulatedHistory(seed: seed, durability: durability)
            do {
                try await history.run(steps: 50)
            } catch {
                Issue.record("seed \(seed): \(error), after\n\(history.trace.suffix(40).joined(separator: "\n"))")
                return
            }
        }
    }
}
