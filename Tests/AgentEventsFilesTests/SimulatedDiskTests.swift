import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
import Testing

/// The simulated disk loses what it may lose, and nothing else.
struct SimulatedDiskTests {
    private func bytes(_ disk: SimulatedDisk, _ path: String) throws -> [UInt8] {
        let file = try disk.open(path, .reading)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 10_000, alignment: 1)
        defer { buffer.deallocate() }
        return [UInt8](buffer.prefix(try file.read(into: buffer, at: 0)))
    }

    /// What 200 seeds leave of a file after the power was cut: `nil` for no file.
    private func outcomes(_ body: (SimulatedDisk) throws -> Void) throws -> Set<[UInt8]?> {
        var outcomes: Set<[UInt8]?> = []
        for seed in 0..<200 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            try body(disk)
            disk.cutPower()
            outcomes.insert(disk.exists("/file") ? try bytes(disk, "/file") : nil)
        }
        return outcomes
    }

    private func create(_ disk: SimulatedDisk) throws -> any OpenFile {
        let file = try disk.open("/file", .creating)
        try disk.openFolder("/").synchronize()
        return file
    }

    @Test func whatWasSynchronizedStays() throws {
        let found = try outcomes { disk in
            let file = try create(disk)
            try file.write([1, 2, 3], at: 0)
            try file.synchronize()
        }
        #expect(found == [[1, 2, 3]])
    }

    @Test func whatWasNotIsDroppedTornOrKept() throws {
        let found = try outcomes { disk in
            let file = try create(disk)
            try file.write([UInt8](repeating: 1, count: 1000), at: 0)
            try file.synchronize()
            try file.write([UInt8](repeating: 2, count: 2000), at: 0)
        }
        #expect(found.contains([UInt8](repeating: 1, count: 1000)))
        #expect(found.contains([UInt8](repeating: 2, count: 2000)))
        let torn = found.compactMap { $0 }.filter { $0.contains(1) && $0.contains(2) }
        #expect(torn.contains { $0.prefix(512).allSatisfy { $0 == 1 } }, "a sector that comes first is lost")
        #expect(torn.contains { $0.prefix(512).allSatisfy { $0 == 2 } }, "a sector that comes later is lost")
    }

    @Test func aNameThatWasNotSynchronizedMayGoWithTheBytesThatWere() throws {
        let found = try outcomes { disk in
            let file = try disk.open("/file", .creating)
            try file.write([1], at: 0)
            try file.synchronize()
        }
        #expect(found == [nil, [1]])
    }

    @Test func aRemovalAndARenameMayBeUndone() throws {
        let removed = try outcomes { disk in
            try create(disk).synchronize()
            try disk.remove("/file")
        }
        #expect(removed == [nil, []])
        let renamed = try outcomes { disk in
            let file = try create(disk)
            try file.write([1], at: 0)
            try file.synchronize()
            let next = try disk.open("/next", .creating)
            try next.write([2], at: 0)
            try next.synchronize()
            try disk.rename("/next", to: "/file")
        }
        #expect(renamed == [[1], [2]])
    }

    @Test func theEndOfTheProcessTakesOnlyTheLock() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/file", .creating)
        try file.write([1], at: 0)
        try file.lock(waiting: false)
        disk.endProcess()
        #expect(try bytes(disk, "/file") == [1])
        try disk.open("/file", .reading).lock(waiting: false)
        #expect(throws: FileError.self, "it was opened by the process that has ended") { try file.write([2], at: 0) }
    }

    @Test func aSynchronizationThatFailsGivesUpWhatWasWritten() throws {
        let found = try outcomes { disk in
            let file = try create(disk)
            try file.write([1], at: 0)
            disk.fail(.synchronize, after: 0, .other)
            #expect(throws: FileError.self) { try file.synchronize() }
            try file.synchronize()
            #expect(try bytes(disk, "/file") == [1])
        }
        // The size may be there without the bytes.
        #expect(found == [[], [0]])
    }

    @Test func aFullDiskTakesWhatFits() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/file", .creating)
        disk.setFreeByteCount(3)
        #expect(throws: FileError(.full, "no room is left")) { try file.write([1, 2, 3, 4], at: 0) }
        #expect(try bytes(disk, "/file") == [1, 2, 3])
        try file.write([9], at: 0)
        try file.truncate(to: 1)
        try file.write([8, 7], at: 1)
        #expect(try bytes(disk, "/file") == [9, 8, 7])
    }

    @Test func aMachineThatHasStoppedDoesNothingMore() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/file", .creating)
        disk.stop(after: 1)
        try file.write([1], at: 0)
        #expect(throws: FileError.self) { try file.synchronize() }
        #expect(throws: FileError.self) { try file.write([1], at: 0) }
        #expect(throws: FileError.self) { _ = try disk.names(inFolder: "/") }
        #expect(disk.isStopped)
        disk.endProcess()
        #expect(try disk.names(inFolder: "/") == ["file"])
    }
}
