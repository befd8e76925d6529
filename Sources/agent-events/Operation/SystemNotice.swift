internal import AgentEvents
internal import Foundation

/// What a service tells systemd (sd_notify(3)).
enum SystemNotice: Hashable {
    /// It takes requests, or has read its settings again.
    case ready
    /// It reads its settings again.
    case reloading(monotonicMicroseconds: Int64)
    case stopping
    /// It still works.
    case watchdog
    /// One line for people.
    case status(String)

    private var lines: String {
        switch self {
        case .ready: "READY=1"
        case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
        case .stopping: "STOPPING=1"
        case .watchdog: "WATCHDOG=1"
        // A line break would begin another assignment.
        case .status(let text): "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
        }
    }

    /// The text of one message.
    static func text(_ notices: [SystemNotice]) -> String { notices.map(\.lines).joined(separator: "\n") }

    /// The address in the variable `NOTIFY_SOCKET` as the system takes it: a path, or a name that is no file, which begins with
    /// a zero and stands there with an at sign.
    ///
    /// - Returns: `nil` for what is neither, or too long.
    static func addressBytes(_ text: String) -> [UInt8]? {
        var bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count < 108 else { return nil }
        switch first {
        case UInt8(ascii: "/"): return bytes
        case UInt8(ascii: "@"):
            bytes[0] = 0
            return bytes
        default: return nil
        }
    }

    /// How often to tell that the service works: half of what systemd waits for.
    ///
    /// - Returns: `nil` when it does not wait for that, or for another process.
    static func watchdogInterval(_ environment: [String: String], processIdentifier: Int32) -> Duration? {
        guard let time = environment["WATCHDOG_USEC"].flatMap(Int64.init), time > 0 else { return nil }
        if let process = environment["WATCHDOG_PID"], Int32(process) != processIdentifier { return nil }
        return .microseconds(max(1, time / 2))
    }
}

/// Sends notices to systemd; to nobody, when the service was not started by it.
struct SystemNotifier: Sendable {
    /// `nil` for nobody.
    private let address: [UInt8]?
    let watchdogInterval: Duration?

    /// Whether systemd listens.
    var isHeard: Bool { address != nil }

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        address = environment["NOTIFY_SOCKET"].flatMap(SystemNotice.addressBytes)
        watchdogInterval =
            address == nil
            ? nil
            : SystemNotice.watchdogInterval(
                environment, processIdentifier: ProcessInfo.processInfo.processIdentifier)
    }

    /// Whom it may concern reads it, or not: nobody waits for that.
    func send(_ notices: SystemNotice...) {
        #if os(Linux)
            guard let address else { return }
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: address) }
            let length = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path)! + address.count)
            let text = SystemNotice.text(notices)
            withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = sendto(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL), $0, length)
                }
            }
        #endif
    }

    /// The monotonic clock in the unit that systemd has.
    static var monotonicMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// Tells again and again that the service works, until the task is cancelled.
    func keepWatchdogQuiet() async {
        guard let watchdogInterval else { return }
        while !Task.isCancelled {
            send(.watchdog)
            // Cancelled at the end, when it does not matter.
            try? await Environment.system.sleep(watchdogInterval)
        }
    }
}
