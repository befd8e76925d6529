import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
import Testing

/// A file sink on a disk that loses what it may lose.
struct FileSinkOnADiskTests {
    private func event(_ sequence: UInt64, size: Int) -> StoredEvent {
        let id = EventID(generation: 1, sequence: sequence)
        let text = String(repeating: "x", count: size)
        return StoredEvent(thread: "t_1", id: id, bytes: Array("{\"id\":\"\(id)\",\"x\":\"\(text)\"}".utf8))
    }

    private func lines(_ disk: SimulatedDisk, _ name: String) throws -> [[UInt8]] {
        guard disk.exists("/" + name) else { return [] }
        let file = try disk.open("/" + name, .reading)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(try file.byteCount()), alignment: 1)
        defer { buffer.deallocate() }
        return [UInt8](buffer.prefix(try file.read(into: buffer, at: 0))).split(separator: UInt8(ascii: "\n")).map {
            Array($0)
        }
    }

    /// After the power is cut, everything that was taken is there, in order; a repetition is told by its bytes.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func whatADurableFileTookIsThereAfterTheLossOfPower(seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        var taken: [StoredEvent] = []
        for _ in 0..<5 {
            let sink = FileSink(
                path: "/events", maximumFileByteCount: 2000, keptFileCount: 20, durability: .disk, files: disk)
            disk.stop(after: Int.random(in: 0..<40, using: &random))
            while true {
                let first = UInt64(taken.count) + 1
                let batch = (first..<first + UInt64.random(in: 1...5, using: &random)).map {
                    event($0, size: Int.random(in: 1...400, using: &random))
                }
                do {
                    try await sink.receive(SinkBatch(events: batch))
                    taken += batch
                } catch {
                    break
                }
            }
            disk.cutPower()
            let names = (1...20).reversed().map { "events.\($0)" } + ["events"]
            let found = try names.flatMap { try lines(disk, $0) }
            var next = 0
            for line in found where next < taken.count && line == taken[next].bytes { next += 1 }
            #expect(next == taken.count, "event \(next + 1) of \(taken.count) is missing")
        }
    }
}
