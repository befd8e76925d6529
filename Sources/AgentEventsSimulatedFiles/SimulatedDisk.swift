package import AgentEvents
package import AgentEventsFiles
import Synchronization

/// A file system in memory that loses what a real one may lose.
///
/// It keeps what was written apart from what was synchronized, for the bytes of files and for the names in folders.
/// When the power is cut, of what was not synchronized any part is lost: writes are dropped, torn or kept in sectors,
/// and names that were made, changed or removed may be as before. All chance comes from the seed. It is for one thread.
///
/// The file is long because a loss concerns everything at once: files, names, locks, handles and databases lie in one
/// state, and every operation has its way to fail beside what it does.
package final class SimulatedDisk: FileSystem {
    /// An operation of a program on a disk. Each can be made to fail.
    package enum Operation: Hashable, Sendable, CaseIterable {
        case open, read, write, truncate, synchronize
        /// A name is made, changed or removed.
        case name
        case synchronizeNames
        /// A transaction of a database begins or ends.
        case transaction
    }

    private struct File {
        var content = SimulatedFileContent()
        var lastWrite = Timestamp(milliseconds: 0)
        /// The handle that has the lock.
        var holder: Int?
    }

    private struct Failure {
        var operation: Operation
        /// The number of such operations before it.
        var delay: Int
        var kind: FileError.Kind
    }

    private struct State {
        var random: SplitMix
        /// By their numbers; 0 is the root.
        var folders: [Int: SimulatedFolder] = [0: SimulatedFolder()]
        var folderCount = 0
        var files: [Int: File] = [:]
        var fileCount = 0
        var handleCount = 0
        /// The number of starts of the machine; files opened before are gone.
        var start = 0
        var isStopped = false
        var operationsBeforeStop: Int?
        var failure: Failure?
        var freeByteCount: Int?
        var isLinkRefused = false
        var operationCount = 0
        var now = Timestamp(milliseconds: 0)
    }

    private let state: Mutex<State>

    package init(seed: UInt64) { state = Mutex(State(random: SplitMix(seed: seed))) }

    // MARK: Control

    /// The number of operations so far that change something.
    package var operationCount: Int { state.withLock { $0.operationCount } }

    /// Whether the machine has stopped, so that each operation fails until it is started again.
    package var isStopped: Bool { state.withLock { $0.isStopped } }

    /// The time that files are written at.
    package var time: Timestamp { state.withLock { $0.now } }

    package func advanceTime(milliseconds: Int64) {
        state.withLock { $0.now = Timestamp(milliseconds: $0.now.milliseconds + milliseconds) }
    }

    /// Stops the machine in the middle of an operation that changes something, after some others.
    package func stop(after count: Int) { state.withLock { $0.operationsBeforeStop = count } }

    /// Has one operation fail, after some of its kind. A synchronization that fails loses what it should have written.
    package func fail(_ operation: Operation, after count: Int, _ kind: FileError.Kind) {
        state.withLock { $0.failure = Failure(operation: operation, delay: count, kind: kind) }
    }

    /// Limits by how much files can grow; `nil` for no limit.
    package func setFreeByteCount(_ count: Int?) { state.withLock { $0.freeByteCount = count } }

    /// Has files that should get a second name refuse it, as between two disks.
    package func refuseLinks() { state.withLock { $0.isLinkRefused = true } }

    /// Ends the process: what it wrote stays, synchronized or not; its locks and open files go.
    package func endProcess() { state.withLock { Self.start(&$0) } }

    /// Cuts the power, and ends the process by that.
    package func cutPower() {
        state.withLock { state in
            // In an order of their own, so that a seed always has the same result.
            for folder in state.folders.keys.sorted() { state.folders[folder]?.cutPower(&state.random) }
            for file in state.files.keys.sorted() { state.files[file]?.content.cutPower(&state.random) }
            // A folder that lost its name is gone with all that was in it.
            var (reached, next): (Set<Int>, [Int]) = ([0], [0])
            while let folder = next.popLast() {
                for child in state.folders[folder]?.folders ?? [] where reached.insert(child).inserted {
                    next.append(child)
                }
            }
            state.folders = state.folders.filter { reached.contains($0.key) }
            Self.start(&state)
        }
    }

    private static func start(_ state: inout State) {
        let named = state.folders.values.reduce(into: Set<Int>()) { $0.formUnion($1.files) }
        state.files = state.files.filter { named.contains($0.key) }
        for file in state.files.keys { state.files[file]?.holder = nil }
        state.start += 1
        state.isStopped = false
        state.operationsBeforeStop = nil
        state.failure = nil
    }

    /// Has an operation that is not one of files take its turn: it may fail, or be the one in which the machine stops.
    package func operate(_ operation: Operation) throws(FileError) {
        try state.withLock { (state) throws(FileError) in
            if try Self.begin(operation, &state) { throw Self.stopped }
        }
    }

    private static var stopped: FileError { FileError(.other, "the machine has stopped") }

    /// - Returns: whether the machine stops in this operation, of which any part may be done.
    private static func begin(_ operation: Operation, _ state: inout State) throws(FileError) -> Bool {
        guard !state.isStopped else { throw stopped }
        if let failure = state.failure, failure.operation == operation {
            state.failure?.delay -= 1
            if failure.delay == 0 {
                state.failure = nil
                throw FileError(failure.kind, "a failure that was asked for")
            }
        }
        if operation == .read || operation == .open { return false }
        state.operationCount += 1
        guard let rest = state.operationsBeforeStop else { return false }
        state.operationsBeforeStop = rest - 1
        state.isStopped = rest <= 0
        return state.isStopped
    }

    /// Does something that is done as a whole or not at all.
    private func whole(
        _ operation: Operation,
        _ body: (inout State) throws(FileError) -> Void
    ) throws(FileError) {
        try state.withLock { (state) throws(FileError) in
            let stops = try Self.begin(operation, &state)
            if !stops || Bool.random(using: &state.random) { try body(&state) }
            if stops { throw Self.stopped }
        }
    }

    // MARK: Names

    private static func split(_ path: String) -> (folder: [Substring], name: String) {
        let names = path.split(separator: "/")
        return (names.dropLast(), names.last.map(String.init) ?? "")
    }

    /// The number of the folder at a path.
    private static func folder(_ names: [Substring], _ state: State) -> Int? {
        var folder = 0
        for name in names {
            guard case .folder(let child) = state.folders[folder]?.names[String(name)] else { return nil }
            folder = child
        }
        return folder
    }

    private static func parent(of path: String, _ state: State) throws(FileError) -> (folder: Int, name: String) {
        let (names, name) = split(path)
        guard let folder = folder(names, state) else { throw FileError(.missing, "no such folder") }
        return (folder, name)
    }

    private static func entry(_ path: String, _ state: State) throws(FileError) -> SimulatedFolder.Entry? {
        let (folder, name) = try parent(of: path, state)
        return state.folders[folder]?.names[name]
    }

    /// Whether a file has more than one name that a program sees.
    private static func isLinked(_ file: Int, _ state: State) -> Bool {
        state.folders.values.reduce(0) { count, folder in count + folder.names.values.count { $0 == .file(file) } } > 1
    }

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> any OpenFile {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.open, &state)
            let found: Int?
            switch try Self.entry(path, state) {
            case nil: found = nil
            case .file(let file): found = file
            case .folder: throw FileError(.other, "it is a folder")
            }
            let (folder, name) = try Self.parent(of: path, state)
            let file: Int
            switch (found, mode) {
            case (nil, .reading), (nil, .readingAndWriting): throw FileError(.missing, "no such file")
            case (.some, .creating): throw FileError(.exists, "there is such a file")
            case (nil, .creating), (nil, .emptying), (nil, .creatingIfMissing):
                let stops = try Self.begin(.name, &state)
                if stops, Bool.random(using: &state.random) { throw Self.stopped }
                state.fileCount += 1
                file = state.fileCount
                state.files[file] = File(lastWrite: state.now)
                state.folders[folder]?.set(name, to: .file(file))
                if stops { throw Self.stopped }
            case (.some(let found), .emptying):
                file = found
                if try Self.begin(.truncate, &state) { throw Self.stopped }
                state.files[file]?.content.truncate(to: 0)
            case (.some(let found), _): file = found
            }
            state.handleCount += 1
            return SimulatedFile(disk: self, file: file, handle: state.handleCount, start: state.start)
        }
    }

    package func openFolder(_ path: String) throws(FileError) -> any OpenFolder {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.open, &state)
            guard let folder = Self.folder(path.split(separator: "/"), state) else {
                throw FileError(.missing, "no such folder")
            }
            return SimulatedOpenFolder(disk: self, folder: folder, start: state.start)
        }
    }

    package func createFolder(_ path: String) throws(FileError) {
        let names = path.split(separator: "/")
        if state.withLock({ Self.folder(names, $0) != nil }) { return }
        try createFolder("/" + names.dropLast().joined(separator: "/"))
        try whole(.name) { (state) throws(FileError) in
            let (parent, name) = try Self.parent(of: path, state)
            guard state.folders[parent]?.names[name] == nil else { throw FileError(.exists, "it is a file") }
            state.folderCount += 1
            state.folders[parent]?.set(name, to: .folder(state.folderCount))
            state.folders[state.folderCount] = SimulatedFolder()
        }
    }

    package func names(inFolder path: String) throws(FileError) -> [String] {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.read, &state)
            guard let folder = Self.folder(path.split(separator: "/"), state).flatMap({ state.folders[$0] }) else {
                throw FileError(.missing, "no such folder")
            }
            return folder.names.keys.sorted().shuffled(using: &state.random)
        }
    }

    package func exists(_ path: String) -> Bool {
        state.withLock { state in
            if state.isStopped { return false }
            if Self.folder(path.split(separator: "/"), state) != nil { return true }
            return (try? Self.entry(path, state)) != nil
        }
    }

    package func lastWrite(of path: String) throws(FileError) -> Timestamp {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.read, &state)
            guard case .file(let file) = try Self.entry(path, state), let found = state.files[file] else {
                throw FileError(.missing, "no such file")
            }
            return found.lastWrite
        }
    }

    package func setLastWrite(of path: String, to time: Timestamp) throws(FileError) {
        try whole(.name) { (state) throws(FileError) in
            guard case .file(let file) = try Self.entry(path, state) else {
                throw FileError(.missing, "no such file")
            }
            state.files[file]?.lastWrite = time
        }
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        let (oldNames, newName) = (Self.split(path).folder, Self.split(newPath).name)
        precondition(oldNames == Self.split(newPath).folder, "files stay in their folder")
        try whole(.name) { (state) throws(FileError) in
            let (folder, name) = try Self.parent(of: path, state)
            guard let entry = state.folders[folder]?.names[name] else { throw FileError(.missing, "no such file") }
            if case .folder = entry, let other = state.folders[folder]?.names[newName] {
                guard case .folder(let old) = other, state.folders[old]?.names.isEmpty == true else {
                    throw FileError(.exists, "there is something")
                }
            }
            state.folders[folder]?.rename(name, to: newName)
        }
    }

    package func remove(_ path: String) throws(FileError) {
        try whole(.name) { (state) throws(FileError) in
            let (folder, name) = try Self.parent(of: path, state)
            guard case .file(let file) = state.folders[folder]?.names[name] else {
                throw FileError(.missing, "no such file")
            }
            if let free = state.freeByteCount, !Self.isLinked(file, state) {
                state.freeByteCount = free + (state.files[file]?.content.bytes.count ?? 0)
            }
            state.folders[folder]?.remove(name)
        }
    }

    package func removeFolder(_ path: String) throws(FileError) {
        try whole(.name) { (state) throws(FileError) in
            let (parent, name) = try Self.parent(of: path, state)
            guard case .folder(let folder) = state.folders[parent]?.names[name] else {
                throw FileError(.missing, "no such folder")
            }
            guard state.folders[folder]?.names.isEmpty == true else { throw FileError(.other, "it is not empty") }
            state.folders[parent]?.remove(name)
        }
    }

    package func link(_ path: String, to newPath: String) throws(FileError) {
        try whole(.name) { (state) throws(FileError) in
            guard !state.isLinkRefused else { throw FileError(.cannotLink, "it is another disk") }
            let (folder, name) = try Self.parent(of: newPath, state)
            guard let file = try Self.entry(path, state), case .file = file else {
                throw FileError(.missing, "no such file")
            }
            guard state.folders[folder]?.names[name] == nil else { throw FileError(.exists, "there is such a file") }
            state.folders[folder]?.set(name, to: file)
        }
    }

    // MARK: Open files

    fileprivate func synchronizeNames(_ folder: Int, start: Int) throws(FileError) {
        try whole(.synchronizeNames) { (state) throws(FileError) in
            guard state.start == start else { throw Self.stopped }
            state.folders[folder]?.synchronize()
        }
    }

    fileprivate func status(_ handle: SimulatedFile) throws(FileError) -> FileStatus {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.read, &state)
            let count = try Self.file(handle, state).content.bytes.count
            return FileStatus(byteCount: Int64(count), isRegular: true)
        }
    }

    private static func file(_ handle: SimulatedFile, _ state: State) throws(FileError) -> File {
        guard state.start == handle.start, let file = state.files[handle.file] else { throw stopped }
        return file
    }

    fileprivate func read(
        _ handle: SimulatedFile,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int64
    ) throws(FileError) -> Int {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.read, &state)
            let bytes = try Self.file(handle, state).content.bytes
            guard offset < bytes.count, !buffer.isEmpty else { return 0 }
            // Not always as much as was asked for.
            var count = min(buffer.count, bytes.count - Int(offset))
            if Int.random(in: 0..<8, using: &state.random) == 0 {
                count = Int.random(in: 1...count, using: &state.random)
            }
            bytes[Int(offset)..<Int(offset) + count].withUnsafeBytes { buffer.copyMemory(from: $0) }
            return count
        }
    }

    fileprivate func write(
        _ handle: SimulatedFile,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int64
    ) throws(FileError) -> Int {
        try state.withLock { (state) throws(FileError) in
            let stops = try Self.begin(.write, &state)
            let size = try Self.file(handle, state).content.bytes.count
            var count = bytes.count
            if let free = state.freeByteCount {
                count = min(count, max(0, size + free - Int(offset)))
                guard count > 0 || bytes.isEmpty else { throw FileError(.full, "no room is left") }
                state.freeByteCount = free - max(0, Int(offset) + count - size)
            }
            if stops {
                count = Int.random(in: 0...count, using: &state.random)
            } else if count > 0, Int.random(in: 0..<8, using: &state.random) == 0 {
                count = Int.random(in: 1...count, using: &state.random)
            }
            state.files[handle.file]?.content.write([UInt8](bytes.prefix(count)), at: Int(offset))
            state.files[handle.file]?.lastWrite = state.now
            if stops { throw Self.stopped }
            return count
        }
    }

    fileprivate func truncate(_ handle: SimulatedFile, to byteCount: Int64) throws(FileError) {
        try whole(.truncate) { (state) throws(FileError) in
            let size = try Self.file(handle, state).content.bytes.count
            if let free = state.freeByteCount { state.freeByteCount = free + size - Int(byteCount) }
            state.files[handle.file]?.content.truncate(to: Int(byteCount))
            state.files[handle.file]?.lastWrite = state.now
        }
    }

    fileprivate func synchronize(_ handle: SimulatedFile) throws(FileError) {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.file(handle, state)
            let stops: Bool
            do throws(FileError) {
                stops = try Self.begin(.synchronize, &state)
            } catch {
                if !state.isStopped { state.files[handle.file]?.content.failSynchronization() }
                throw error
            }
            if !stops || Bool.random(using: &state.random) { state.files[handle.file]?.content.synchronize() }
            if stops { throw Self.stopped }
        }
    }

    fileprivate func lock(_ handle: SimulatedFile) throws(FileError) {
        try state.withLock { (state) throws(FileError) in
            _ = try Self.begin(.open, &state)
            guard try Self.file(handle, state).holder ?? handle.handle == handle.handle else {
                throw FileError(.locked, "another holder has it")
            }
            state.files[handle.file]?.holder = handle.handle
        }
    }

    fileprivate func unlock(_ handle: SimulatedFile) {
        state.withLock { state in
            guard state.start == handle.start, state.files[handle.file]?.holder == handle.handle else { return }
            state.files[handle.file]?.holder = nil
        }
    }
}

private final class SimulatedFile: OpenFile {
    private let disk: SimulatedDisk
    let file: Int
    let handle: Int
    let start: Int

    init(disk: SimulatedDisk, file: Int, handle: Int, start: Int) {
        (self.disk, self.file, self.handle, self.start) = (disk, file, handle, start)
    }

    deinit { unlock() }

    func status() throws(FileError) -> FileStatus { try disk.status(self) }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try disk.read(self, into: buffer, at: offset)
    }

    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try disk.write(self, bytes, at: offset)
    }

    func truncate(to byteCount: Int64) throws(FileError) { try disk.truncate(self, to: byteCount) }

    func synchronize() throws(FileError) { try disk.synchronize(self) }

    func willRead(_ byteCount: Int, at offset: Int64) {}

    /// One thread cannot wait for another holder, so it is told of it.
    func lock(waiting: Bool) throws(FileError) { try disk.lock(self) }

    func unlock() { disk.unlock(self) }
}

private final class SimulatedOpenFolder: OpenFolder {
    private let disk: SimulatedDisk
    private let folder: Int
    private let start: Int

    init(disk: SimulatedDisk, folder: Int, start: Int) {
        (self.disk, self.folder, self.start) = (disk, folder, start)
    }

    func synchronize() throws(FileError) { try disk.synchronizeNames(folder, start: start) }
}
