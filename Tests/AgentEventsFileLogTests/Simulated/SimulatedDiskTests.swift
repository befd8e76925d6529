import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
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

    /// The zeros that a file was given ahead are cut off when the log is closed. A crash may come before that is flushed, and
    /// the loss of power after the next opening would bring them back, in front of what was written since.
    @Test(arguments: 0..<8)
    func aFileThatWasCutJustBeforeACrashStaysCut(stop: Int) async throws {
        for seed in 0..<20 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            let index = try MemoryIndex { () throws(FileError) in try disk.operate(.transaction) }
            try disk.createFolder("/data")
            try disk.openFolder("/").synchronize()
            var configuration = FileEventLog.Configuration(durability: .disk)
            configuration.allocationByteCount = 3000
            configuration.files = disk
            configuration.index = .memory(index)
            var events: [StoredEvent] = []
            for opening in 1...3 {
                configuration.workers = .caller(background: ManualWorkQueue())
                let log = FileEventLog(path: "/data/log", configuration: configuration)
                let generation = try await log.open().generation
                let found = try await log.read(LogRead(.thread("t_1", after: 0))).events
                #expect(found == events, "seed \(seed), opening \(opening)")
                let next = commit(UInt64(opening), generation: generation)
                try await log.append(next)
                events += next.entries.map { StoredEvent(thread: "t_1", id: $0.id, bytes: $0.bytes) }
                if opening == 1 {
                    disk.stop(after: stop)
                    try? await log.close()
                    disk.endProcess()
                } else {
                    disk.cutPower()
                }
            }
        }
    }
}
