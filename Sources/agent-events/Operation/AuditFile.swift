internal import AgentEvents
internal import AgentEventsHub
internal import ArgumentParser
internal import Foundation
internal import Logging
internal import Synchronization

/// An audit trail in a file: a line an entry, flushed to the disk, and nothing is ever changed in it.
final class AuditFile: AuditTrail {
    private struct State {
        var chain: AuditChain
        /// `nil` once it could not be written.
        var descriptor: Int32
    }

    private let path: String
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>

    /// Continues the chain in the file, if there is one.
    ///
    /// - Throws: `ExitCode` when it cannot be opened.
    init(path: String, logger: Logger, now: @escaping @Sendable () -> Timestamp = WallClock.system.now) throws {
        self.path = path
        self.logger = logger
        self.now = now
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ProgramExit.unavailable(
                "the audit file \(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        let text = FileManager.default.contents(atPath: path).map { Array($0) } ?? []
        var chain = AuditChain()
        for line in AuditFile.lines(text) { _ = chain.check(line) }
        // A crash in the middle of a line: the next one begins on its own.
        if let last = text.last, last != 0x0A { _ = Self.write([0x0A], descriptor) }
        state = Mutex(State(chain: chain, descriptor: descriptor))
    }

    deinit { close(state.withLock { $0.descriptor }) }

    func record(_ entry: AuditEntry) {
        let error = state.withLock { state -> Int32? in
            let line = state.chain.append(entry, at: now())
            guard Self.write(line + [0x0A], state.descriptor), fsync(state.descriptor) == 0 else { return errno }
            return nil
        }
        guard let error else { return }
        logger.error(
            "an entry of the audit file was not kept",
            metadata: ["audit.what": "\(entry.what)", "error.message": "\(String(cString: strerror(error)))"])
    }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) } == bytes.count
    }

    /// The lines of a text; a last one without an end counts.
    static func lines(_ text: [UInt8]) -> [[UInt8]] { text.split(separator: 0x0A).map(Array.init) }
}

/// Checks the chain of an audit file.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check that nobody has changed an audit file.",
        discussion: """
            Each line has the hash of the one before. What was removed from the end is not found by this: keep the number of \
            entries elsewhere. Exit code 1: a line is not what was written.

            Example:
              agent-events audit data/audit.ndjson
            """)

    @Argument(help: "The file.")
    var file: String

    func run() throws {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw ProgramExit.unavailable("the file \(file) cannot be read")
        }
        var chain = AuditChain()
        var isWhole = true
        for line in AuditFile.lines(Array(data)) {
            guard let problem = chain.check(line) else { continue }
            isWhole = false
            try StandardOutput.write("line \(chain.count): \(problem)")
        }
        guard isWhole else { throw ExitCode(1) }
        try StandardOutput.write("\(chain.count) entries, and the chain is whole")
    }
}
