import AgentEventsSimulation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A schedule as an argument of the program: itself, or `@` and the path of a file when it is too long for a command line.
enum ScheduleText {
    private static let longest = 16 * 1024

    /// Writes a schedule that is too long to a file.
    static func argument(_ schedule: Schedule) -> String {
        let text = schedule.description
        guard text.utf8.count > longest else { return text }
        let path = "/tmp/agent-events-simulation-\(String(schedule.seed, radix: 36)).schedule"
        guard let file = fopen(path, "w") else { return text }
        defer { fclose(file) }
        return fputs(text, file) < 0 ? text : "@" + path
    }

    /// - Returns: `nil` for what is no schedule, and no file with one.
    static func schedule(_ argument: String) -> Schedule? {
        guard argument.first == "@" else { return Schedule(argument) }
        guard let file = fopen(String(argument.dropFirst()), "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { break }
            bytes += part.prefix(count)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return Schedule(text.last == "\n" ? text.dropLast() : text[...])
    }
}
