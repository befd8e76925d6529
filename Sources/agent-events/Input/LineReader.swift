internal import Foundation

/// Reads a file, or standard input, line by line, without holding more than a line of it.
final class LineReader {
    struct Line {
        /// From 1.
        let number: Int
        /// Without its end; a carriage return before it is no part of it either.
        let bytes: [UInt8]
    }

    /// A line longer than this is refused: an event has at most 1 MiB, and may be spaced out.
    static let maximumLineByteCount = 16 * 1024 * 1024
    private static let pageByteCount = 64 * 1024

    private let handle: FileHandle
    private let name: String
    private var page: [UInt8] = []
    private var position = 0
    private var number = 0
    private var isAtEnd = false

    /// - Parameter path: `-` for standard input.
    /// - Throws: ``InputError`` when there is no such file, or it may not be read.
    init(path: String) throws(InputError) {
        if path == "-" {
            handle = .standardInput
            name = "standard input"
        } else {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw InputError(message: "there is no file \(path)")
            }
            guard !isFolder.boolValue, let opened = FileHandle(forReadingAtPath: path) else {
                throw InputError(message: "\(path) cannot be read\(isFolder.boolValue ? ", it is a folder" : "")")
            }
            handle = opened
            name = path
        }
    }

    /// The next line; empty ones are given too.
    ///
    /// - Returns: `nil` at the end.
    /// - Throws: ``InputError``.
    func next() throws(InputError) -> Line? {
        var line: [UInt8] = []
        while true {
            if let end = page[position...].firstIndex(of: 0x0A) {
                line += page[position..<end]
                position = end + 1
                return finished(line)
            }
            line += page[position...]
            guard line.count <= Self.maximumLineByteCount else {
                throw InputError(
                    message: "line \(number + 1) of \(name) is longer than \(Self.maximumLineByteCount) bytes")
            }
            guard try readPage() else { return line.isEmpty ? nil : finished(line) }
        }
    }

    private func finished(_ line: [UInt8]) -> Line {
        number += 1
        return Line(number: number, bytes: line.last == 0x0D ? Array(line.dropLast()) : line)
    }

    /// - Returns: `false` at the end.
    private func readPage() throws(InputError) -> Bool {
        page = []
        position = 0
        guard !isAtEnd else { return false }
        do {
            page = Array(try handle.read(upToCount: Self.pageByteCount) ?? Data())
        } catch {
            throw InputError(message: "\(name) cannot be read: \(error.localizedDescription)")
        }
        isAtEnd = page.isEmpty
        return !isAtEnd
    }
}
