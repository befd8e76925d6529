internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#endif

/// Waits until a descriptor has something to read, away from the threads of tasks, and no longer than its task wants.
struct InputReadiness: Sendable {
    private let descriptor: Int32
    /// A pipe; what is written to it ends the wait.
    private let wakeReader: Int32
    private let wakeWriter: Int32

    /// Opens what the waiting needs for the length of a scope.
    ///
    /// - Throws: ``InputError`` when there is no descriptor left, and what the scope throws.
    static func with<Result>(
        _ descriptor: Int32,
        _ body: (InputReadiness) async throws -> Result
    ) async throws -> Result {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw InputError(message: "input cannot be waited for: \(String(cString: strerror(errno)))")
        }
        defer { for end in ends { close(end) } }
        return try await body(
            InputReadiness(descriptor: descriptor, wakeReader: ends[0], wakeWriter: ends[1]))
    }

    /// - Throws: `CancellationError` when the task is cancelled.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await BlockingWork.run { block() }
        } onCancel: {
            // One byte is enough for good: it is never read.
            var byte: UInt8 = 0
            _ = write(wakeWriter, &byte, 1)
        }
        try Task.checkCancellation()
    }

    private func block() {
        var waits = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
        ]
        // Any other end of it, an error too, is found by reading.
        while poll(&waits, 2, -1) == -1, errno == EINTR {}
    }
}
