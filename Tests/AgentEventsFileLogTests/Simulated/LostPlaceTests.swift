import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
import Synchronization
import Testing

@testable import AgentEventsFileLog

/// The place of a sink in a tail that the loss of power takes. What is written afterwards has other offsets, so the sink is
/// given all of it, also when the thread is trimmed so far that nothing tells what became of its last event.
@Suite(.timeLimit(.minutes(10))) struct LostPlaceTests {
    /// What the power may take: any part of the last commits, and what the next openings write in its place.
    @Test(arguments: 0..<24 as Range<UInt64>)
    func whatComesAfterALossIsGivenWhateverWasTrimmed(seed: UInt64) async throws {
        let disk = SimulatedDisk(seed: seed)
        try disk.createFolder("/data")
        try disk.openFolder("/").synchronize()
        var configuration = FileEventLogTests.cramped
        configuration.files = disk
        configuration.index = .memory(try MemoryIndex { () throws(FileError) in try disk.operate(.transaction) })
        func open() async throws -> FileEventLog {
            configuration.workers = .caller(background: ManualWorkQueue())
            return FileEventLog(path: "/data/log", configuration: configuration)
        }

        // Three events that stay, and some that the sink has, and that nothing was flushed of.
        var log = try await open()
        var opening = try await log.open()
        for sequence in 1...3 as ClosedRange<UInt64> {
            try await log.append(commit(sequence, generation: opening.generation))
        }
        try await log.close()
        log = try await open()
        opening = try await log.open()
        for sequence in 4...9 as ClosedRange<UInt64> {
            // Larger than all that comes: without a gap, that would be where these were.
            try await log.append(commit(sequence, generation: opening.generation, size: 1500))
        }
        let sink = RecordingSink()
        let end = try await log.read(LogRead(.all(afterOffset: 0))).nextOffset
        let place = #"{"version":1,"offset":\#(end),"last":{"thread_id":"t_1","id":"\#(opening.generation)-9"}}"#
        try await log.save([StoredValue(.sink, name: "recording", bytes: Array(place.utf8))])
        disk.cutPower()

        // Others take their numbers, until the number of the sink's last event is trimmed.
        log = try await open()
        opening = try await log.open()
        let kept = try await log.thread("t_1")?.head.sequence ?? 0
        let first = opening.generation
        for sequence in kept + 1...kept + 12 {
            try await log.append(commit(sequence, generation: first, size: 20))
        }
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: kept + 9)])
        try await log.close()

        log = try await open()
        try await withAgentRuntime(log: log, sinks: [DurableSink(sink)]) { runtime in try await runtime.flushSinks() }
        let given = sink.taken.withLock { $0 }.filter { $0.generation == first }.map(\.sequence)
        // Of what was trimmed, the files may still have some.
        #expect(given.suffix(4) == Array(kept + 9...kept + 12)[...])
        #expect(zip(given, given.dropFirst()).allSatisfy { $0 + 1 == $1 })
    }
}

private final class RecordingSink: EventSink {
    let name = "recording"
    let taken = Mutex<[EventID]>([])

    func receive(_ batch: SinkBatch) async throws { taken.withLock { $0 += batch.events.map(\.id) } }
}
