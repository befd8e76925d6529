internal import AgentEvents
internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#endif

/// Reads a file, or standard input, line by line, without holding more than a line of it. A line is given as soon as it
/// is there, also by a pipe or a terminal. A mark at the begin that says UTF-8 is skipped.
final class LineReader {
    struct Line {
        /// From 1.
        let number: Int
        /// Without its end; a carriage return before it is not part of it either.
        let bytes: [UInt8]

        var isBlank: Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
    }

    /// A line longer than this is refused: an event has at most 1 MiB, and may be spaced out.
    static let maximumLineByteCount = 16 * 1024 * 1024
    private static let pageByteCount = 64 * 1024

    let name: String
    /// Keeps the descriptor of a file open.
    private let handle: FileHandle
    private var page: [UInt8] = []
    private var position = 0
    /// The begin of a line whose end is not there yet.
    private var begun: [UInt8] = []
    private var number = 0
    private var isAtStart = true
    private var isAtEnd = false

    /// - Parameter path: `-` for standard input.
    /// - Throws: ``InputError`` when there is no such file, or it may not be read.
    init(path: String) throws(InputError) {
        try Self.check(path)
        name = Self.name(of: path)
        if path == "-" {
            handle = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: path) else {
                throw InputError(message: "\(path) cannot be read")
            }
            handle = opened
        }
    }

    /// The name of an input in messages.
    static func name(of path: String) -> String { path == "-" ? "standard input" : path }

    /// Looks for an input without opening it: a named pipe is opened once.
    static func check(_ path: String) throws(InputError) {
        guard path != "-" else { return }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw InputError(message: "there is no file \(path)")
        }
        guard !isFolder.boolValue else { throw InputError(message: "\(path) cannot be read, it is a folder") }
    }

    var descriptor: Int32 { handle.fileDescriptor }

    /// The next line; blocks until it is there. Empty ones are given too.
    ///
    /// - Returns: `nil` at the end.
    /// - Throws: ``InputError``.
    func next() throws(InputError) -> Line? {
        while true {
            if let line = try takeLine() { return line }
            guard !isAtEnd else { return nil }
            try readPage()
        }
    }

    /// The next line; suspends until it is there.
    ///
    /// - Throws: ``InputError``; `CancellationError` when the task is cancelled.
    func next(when readiness: InputReadiness) async throws -> Line? {
        while true {
            if let line = try takeLine() { return line }
            guard !isAtEnd else { return nil }
            try await readiness.wait()
            try readPage()
        }
    }

    /// - Returns: `nil` when there is no whole line; at the end the rest is one.
    private func takeLine() throws(InputError) -> Line? {
        let end = page[position...].firstIndex(of: 0x0A)
        begun += page[position..<(end ?? page.endIndex)]
        position = end.map { $0 + 1 } ?? page.endIndex
        guard begun.count <= Self.maximumLineByteCount else {
            throw InputError(
                message: "line \(number + 1) of \(name) is longer than \(Self.maximumLineByteCount) bytes")
        }
        guard end != nil || isAtEnd && !begun.isEmpty else { return nil }
        var line = begun[...]
        begun = []
        if isAtStart {
            isAtStart = false
            if let encoding = ByteOrderMark.foreignEncoding(of: line) {
                throw InputError(message: "\(name) is in \(encoding), and events are in UTF-8: convert it first")
            }
            line = ByteOrderMark.dropped(from: line)
        }
        number += 1
        return Line(number: number, bytes: Array(line.last == 0x0D ? line.dropLast() : line))
    }

    /// Takes what is there, and waits only when that is nothing.
    private func readPage() throws(InputError) {
        position = 0
        while true {
            var result = 0
            var problem: Int32 = 0
            page = [UInt8](unsafeUninitializedCapacity: Self.pageByteCount) { buffer, count in
                result = read(descriptor, buffer.baseAddress, buffer.count)
                problem = errno
                count = max(0, result)
            }
            if result >= 0 {
                isAtEnd = result == 0
                return
            }
            switch problem {
            case EINTR: continue
            case EAGAIN:
                // Somebody who has the same input open made it one that does not wait.
                var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&wait, 1, -1)
            default:
                throw InputError(message: "\(name) cannot be read: \(String(cString: strerror(problem)))")
            }
        }
    }
}
