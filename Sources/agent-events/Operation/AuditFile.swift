internal import AgentEvents
internal import AgentEventsHub
internal import Foundation
internal import Logging
internal import Synchronization

/// An audit trail in a file: a line an entry, flushed to the disk, and nothing is ever changed in it. A file that is full gets
/// another name (``AuditPieces``), and the chain continues in a new one.
final class AuditFile: AuditTrail {
    /// The size at which a file is full: what a start reads, and a person can still open.
    static let maximumByteCount = 16 << 20

    private struct State {
        var chain: AuditChain
        var descriptor: Int32
        var byteCount: Int
    }

    private let pieces: AuditPieces
    private let maximumByteCount: Int
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>

    /// Continues the chain in the files, if there are some, and says in the log when they are not what was written.
    ///
    /// - Throws: `ExitCode` when it cannot be opened.
    init(
        path: String,
        maximumByteCount: Int = AuditFile.maximumByteCount,
        logger: Logger,
        now: @escaping @Sendable () -> Timestamp = WallClock.system.now
    ) throws {
        let pieces = AuditPieces(path: path)
        self.pieces = pieces
        self.maximumByteCount = maximumByteCount
        self.logger = logger
        self.now = now
        guard let descriptor = Self.open(path) else {
            throw ProgramExit.unavailable(
                "the audit file \(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        // The last full one too: the chain continues from its end. Those before it may be elsewhere; the command checks them all.
        guard let (chain, faults) = AuditPieces.check(pieces.full.suffix(1) + [path], begins: false) else {
            close(descriptor)
            throw ProgramExit.unavailable("the audit file \(path), or the one before it, cannot be read")
        }
        if let fault = faults.first {
            logger.error(
                "the audit file is not what was written",
                metadata: [
                    "file.path": "\(fault.path)", "file.line": "\(fault.line)", "error.message": "\(fault.problem)",
                ])
        }
        var byteCount = Self.byteCount(of: descriptor)
        // A crash in the middle of a line: the next one begins on its own.
        if let last = FileManager.default.contents(atPath: path)?.last, last != 0x0A, Self.write([0x0A], descriptor) {
            byteCount += 1
        }
        state = Mutex(State(chain: chain, descriptor: descriptor, byteCount: byteCount))
    }

    deinit { close(state.withLock { $0.descriptor }) }

    private static func open(_ path: String) -> Int32? {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        return descriptor >= 0 ? descriptor : nil
    }

    private static func byteCount(of descriptor: Int32) -> Int { max(0, Int(lseek(descriptor, 0, SEEK_END))) }

    func record(_ entry: AuditEntry) {
        let problem = state.withLock { state -> String? in
            let line = state.chain.append(entry, at: now()) + [0x0A]
            let problem = makeRoom(for: line.count, &state)
            guard Self.write(line, state.descriptor), fsync(state.descriptor) == 0 else { return Self.reason() }
            state.byteCount += line.count
            return problem
        }
        guard let problem else { return }
        logger.error(
            "an entry of the audit file was not kept as it should be",
            metadata: ["audit.what": "\(entry.what)", "error.message": "\(problem)"])
    }

    /// Begins a new file when the one that is written is full. Where that fails it grows: an entry is worth more than its size.
    ///
    /// - Returns: what is wrong; `nil` for nothing.
    private func makeRoom(for byteCount: Int, _ state: inout State) -> String? {
        guard state.byteCount > 0, state.byteCount + byteCount > maximumByteCount else { return nil }
        guard rename(pieces.path, pieces.next) == 0 else { return "no new file could be begun: \(Self.reason())" }
        guard let new = Self.open(pieces.path) else { return "no new file could be begun: \(Self.reason())" }
        close(state.descriptor)
        state.descriptor = new
        state.byteCount = 0
        return nil
    }

    private static func reason() -> String { String(cString: strerror(errno)) }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) } == bytes.count
    }

    /// The lines of a text; a last one without an end counts.
    static func lines(_ text: [UInt8]) -> [[UInt8]] { text.split(separator: 0x0A).map(Array.init) }
}
