import Foundation
import Synchronization
import Testing

/// A command that runs.
struct RunningProgram: Sendable {
    private let record = ProgramRecord()
    private let input: FileHandle
    let processIdentifier: Int32

    /// One process is started at a time, so that none inherits the pipes of another and keeps them open.
    private static let starting = Mutex(())

    init(_ arguments: [String]) throws {
        // Writing to a program that has ended is an error, and not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
        let record = record
        let started = try Self.starting.withLock { _ in
            let input = Self.pipe()
            let output = Self.pipe()
            let error = Self.pipe()
            let process = try ChildProcess(Program.url, arguments, input: input, output: output, error: error) {
                status in
                record.change { $0.status = status }
            }
            Self.follow(output, record) { $0.output.append($1) }
            Self.follow(error, record) { $0.error.append($1) }
            return (input.fileHandleForWriting, process.identifier)
        }
        (input, processIdentifier) = started
    }

    private static func pipe() -> Pipe {
        let pipe = Pipe()
        for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
            _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
        }
        return pipe
    }

    private static func follow(
        _ pipe: Pipe,
        _ record: ProgramRecord,
        _ append: @escaping @Sendable (inout ProgramRecord.Content, Data) -> Void
    ) {
        // A thread of its own, which reads until nobody can write any longer.
        Thread.detachNewThread {
            while true {
                let data = pipe.fileHandleForReading.availableData
                if data.isEmpty { break }
                record.change { append(&$0, data) }
            }
            record.change { $0.openPipes -= 1 }
        }
    }

    /// Gives the program its whole standard input.
    func write(_ text: String) throws {
        try input.write(contentsOf: Data(text.utf8))
        try input.close()
    }

    /// Gives the program a part of its standard input.
    func feed(_ text: String) throws { try input.write(contentsOf: Data(text.utf8)) }

    func send(signal number: Int32) { kill(processIdentifier, number) }

    /// Waits until a text stands in the output.
    func output(containing text: String, seconds: Double = 300) async throws -> String {
        try await record.wait(until: "output with \(text)", seconds: seconds) { $0.outputText.contains(text) }
        return record.content.outputText
    }

    /// Waits until a text stands in the error output.
    func error(containing text: String, seconds: Double = 300) async throws -> String {
        try await record.wait(until: "error output with \(text)", seconds: seconds) { $0.errorText.contains(text) }
        return record.content.errorText
    }

    /// The error output up to now.
    var errorText: String { record.content.errorText }

    /// Waits until the error output is as it should be.
    func waitForError(seconds: Double = 300, _ isReached: @escaping @Sendable (String) -> Bool) async throws {
        try await record.wait(until: "error output", seconds: seconds) { isReached($0.errorText) }
    }

    /// Waits for the end.
    func outcome(seconds: Double = 300) async throws -> Program.Outcome {
        do {
            try await record.wait(until: "end", seconds: seconds) { $0.isOver }
        } catch {
            send(signal: SIGKILL)
            throw error
        }
        let content = record.content
        return Program.Outcome(
            status: content.status ?? -1, output: content.outputText, error: content.errorText)
    }
}
