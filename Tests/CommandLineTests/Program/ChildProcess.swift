import Foundation

/// A program that was started with its three standard streams on pipes.
///
/// Foundation's `Process` ties each child to the run loop of the thread that starts it, which a thread of the shared pool
/// does not have for long; on a busy machine it has crashed in `run()`. Here a child has a thread that waits for its end.
struct ChildProcess: Sendable {
    let identifier: pid_t

    /// - Parameters:
    ///   - ended: called once, on another thread, with the exit code or, after a signal, its number.
    /// - Throws: `POSIXError` when the program cannot be started.
    init(
        _ url: URL,
        _ arguments: [String],
        input: Pipe,
        output: Pipe,
        error: Pipe,
        ended: @escaping @Sendable (Int32) -> Void
    ) throws {
        let child = try Self.spawn(
            url.path, [url.path] + arguments,
            streams: [
                input.fileHandleForReading.fileDescriptor, output.fileHandleForWriting.fileDescriptor,
                error.fileHandleForWriting.fileDescriptor,
            ])
        // The child has them now.
        for handle in [input.fileHandleForReading, output.fileHandleForWriting, error.fileHandleForWriting] {
            try handle.close()
        }
        identifier = child
        Thread.detachNewThread { ended(Self.wait(for: child)) }
    }

    private static func spawn(_ path: String, _ arguments: [String], streams: [Int32]) throws -> pid_t {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
            let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_CLOEXEC_DEFAULT
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
            let flags = POSIX_SPAWN_SETPGROUP
        #endif
        try check(posix_spawn_file_actions_init(&actions))
        defer { posix_spawn_file_actions_destroy(&actions) }
        try check(posix_spawnattr_init(&attributes))
        defer { posix_spawnattr_destroy(&attributes) }
        try check(posix_spawnattr_setflags(&attributes, .init(flags)))
        for (number, stream) in streams.enumerated() {
            try check(posix_spawn_file_actions_adddup2(&actions, stream, Int32(number)))
        }
        #if os(Linux)
            // What other tests have open is theirs. One that is closed meanwhile is no error.
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
                guard let descriptor = Int32(name), descriptor > 2 else { continue }
                try check(posix_spawn_file_actions_addclose(&actions, descriptor))
            }
        #endif
        let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        var child = pid_t()
        try withTexts(arguments) { arguments in
            try withTexts(environment) { environment in
                try check(posix_spawn(&child, path, &actions, &attributes, arguments, environment))
            }
        }
        return child
    }

    /// Texts as C has them, with a null pointer after the last.
    private static func withTexts(
        _ texts: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) throws -> Void
    ) throws {
        let pointers = texts.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        try body(pointers + [nil])
    }

    private static func check(_ code: Int32) throws {
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
    }

    private static func wait(for child: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) == -1 {
            guard errno == EINTR else { return -1 }
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : signal
    }
}
