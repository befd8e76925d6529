#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// This program once more, as a process of its own.
final class ChildProcess {
    private let id: pid_t
    private var code: Int32?

    /// - Parameter isSilent: whether what it prints is dropped.
    /// - Returns: `nil` when it cannot be started.
    init?(_ arguments: [String], isSilent: Bool) {
        #if canImport(Glibc)
            let program = "/proc/self/exe"
            var actions = posix_spawn_file_actions_t()
        #else
            let program = CommandLine.arguments[0]
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if isSilent {
            for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
                posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
            }
        }
        // A report of each crash takes seconds.
        if isSilent { setenv("SWIFT_BACKTRACE", "enable=no", 1) } else { unsetenv("SWIFT_BACKTRACE") }
        fflush(nil)
        var words: [UnsafeMutablePointer<CChar>?] = ([CommandLine.arguments[0]] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var id = pid_t()
        guard posix_spawn(&id, program, &actions, nil, words, environ) == 0 else { return nil }
        self.id = id
    }

    /// - Returns: the exit code, 128 and the signal that has stopped it, or `nil` while it runs.
    func poll() -> Int32? { look(WNOHANG) }

    /// - Returns: the exit code, or 128 and the signal that has stopped it.
    func wait() -> Int32 { look(0) ?? -1 }

    /// Stops it, if it runs.
    func kill() {
        guard poll() == nil else { return }
        #if canImport(Glibc)
            Glibc.kill(id, SIGKILL)
        #else
            Darwin.kill(id, SIGKILL)
        #endif
        _ = wait()
    }

    private func look(_ flags: Int32) -> Int32? {
        if let code { return code }
        var status: Int32 = 0
        guard waitpid(id, &status, flags) == id else { return nil }
        let signal = status & 0x7F
        code = signal == 0 ? status >> 8 & 0xFF : 128 + signal
        return code
    }
}

/// A file of a process for the one that has started it.
enum TemporaryFile {
    /// - Returns: its path.
    static func make() -> String? {
        var path = Array("/tmp/agent-events-fuzz-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else { return nil }
        close(file)
        return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// - Returns: the number that stands in it.
    static func number(in path: String) -> UInt64? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var number: UInt64 = 0
        return fread(&number, MemoryLayout<UInt64>.size, 1, file) == 1 ? number : nil
    }
}
