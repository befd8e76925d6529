import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
import Foundation
import Testing

/// What every file system does, the real one and the simulated one.
struct FileSystemTests {
    enum Kind: CaseIterable { case real, simulated }

    private func with(_ kind: Kind, _ body: (any FileSystem, String) throws -> Void) throws {
        switch kind {
        case .real:
            let path = FileManager.default.temporaryDirectory
                .appendingPathComponent("agent-events-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: path) }
            try body(RealFileSystem(), path)
        case .simulated:
            try body(SimulatedDisk(seed: 1), "/files")
        }
    }

    private func bytes(of file: any OpenFile) throws -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
        defer { buffer.deallocate() }
        return [UInt8](buffer.prefix(try file.read(into: buffer, at: 0)))
    }

    private func kind(_ body: () throws(FileError) -> Void) -> FileError.Kind? {
        do throws(FileError) {
            try body()
            return nil
        } catch {
            return error.kind
        }
    }

    @Test(arguments: Kind.allCases)
    func aFileHasWhatWasWrittenAndItsSize(kind: Kind) throws {
        try with(kind) { files, folder in
            try files.createFolder(folder + "/a/b")
            try files.createFolder(folder + "/a/b")
            let file = try files.open(folder + "/a/b/file", .creating)
            try file.write([1, 2, 3, 4], at: 0)
            try file.write([9], at: 6)
            #expect(try bytes(of: file) == [1, 2, 3, 4, 0, 0, 9])
            #expect(try file.status() == FileStatus(byteCount: 7, isRegular: true))
            #expect(try !file.isZero(from: 4) && file.isZero(from: 7))
            try file.truncate(to: 2)
            try file.truncate(to: 3)
            #expect(try bytes(of: try files.open(folder + "/a/b/file", .reading)) == [1, 2, 0])
            try file.synchronize()
            try file.cut(to: 1)
            #expect(try bytes(of: file) == [1])
            try files.openFolder(folder + "/a/b").synchronize()
        }
    }

    @Test(arguments: Kind.allCases)
    func aModeSaysWhetherTheFileMustBeThere(kind: Kind) throws {
        try with(kind) { files, folder in
            try files.createFolder(folder)
            let path = folder + "/file"
            #expect(self.kind { () throws(FileError) in _ = try files.open(path, .reading) } == .missing)
            #expect(self.kind { () throws(FileError) in _ = try files.open(path, .readingAndWriting) } == .missing)
            #expect(!files.exists(path))
            try files.open(path, .creatingIfMissing).write([1], at: 0)
            #expect(files.exists(path) && files.exists(folder))
            #expect(self.kind { () throws(FileError) in _ = try files.open(path, .creating) } == .exists)
            #expect(try bytes(of: try files.open(path, .creatingIfMissing)) == [1])
            #expect(try bytes(of: try files.open(path, .emptying)) == [])
            #expect(
                self.kind { () throws(FileError) in _ = try files.open(folder + "/no/file", .creating) } == .missing)
            #expect(self.kind { () throws(FileError) in _ = try files.openFolder(folder + "/no") } == .missing)
            #expect(self.kind { () throws(FileError) in _ = try files.names(inFolder: folder + "/no") } == .missing)
        }
    }

    @Test(arguments: Kind.allCases)
    func namesAreChangedAndRemoved(kind: Kind) throws {
        try with(kind) { files, folder in
            try files.createFolder(folder)
            try files.open(folder + "/a", .creating).write([1], at: 0)
            let replaced = try files.open(folder + "/b", .creating)
            try replaced.write([2], at: 0)
            try files.rename(folder + "/a", to: folder + "/b")
            #expect(try files.names(inFolder: folder) == ["b"])
            #expect(try bytes(of: try files.open(folder + "/b", .reading)) == [1])
            // What is open can be used without a name.
            #expect(try bytes(of: replaced) == [2])
            #expect(try files.lastWrite(of: folder + "/b").milliseconds >= 0)
            try files.remove(folder + "/b")
            #expect(try files.names(inFolder: folder) == [])
            for path in ["/a", "/b"] {
                #expect(self.kind { () throws(FileError) in try files.remove(folder + path) } == .missing)
                #expect(
                    self.kind { () throws(FileError) in try files.rename(folder + path, to: folder + "/c") } == .missing
                )
                #expect(self.kind { () throws(FileError) in _ = try files.lastWrite(of: folder + path) } == .missing)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func aLockHasOneHolder(kind: Kind) throws {
        try with(kind) { files, folder in
            try files.createFolder(folder)
            let (one, other) = (
                try files.open(folder + "/lock", .creatingIfMissing),
                try files.open(folder + "/lock", .creatingIfMissing)
            )
            try one.lock(waiting: false)
            #expect(self.kind { () throws(FileError) in try other.lock(waiting: false) } == .locked)
            one.unlock()
            try other.lock(waiting: false)
            #expect(self.kind { () throws(FileError) in try one.lock(waiting: false) } == .locked)
        }
    }
}
