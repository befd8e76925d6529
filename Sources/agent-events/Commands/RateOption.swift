internal import AgentEventsHub
internal import ArgumentParser

/// A rate of the limits that is set by itself: `messages=200/1s`, `messages=200/1s:400`, `bytes=none`.
struct RateOption: ExpressibleByArgument, Hashable {
    /// The rates, by their names.
    enum Name: String, CaseIterable {
        case connects
        case authFailures = "auth-failures"
        case userMessages = "user-messages"
        case commands
        case threads
        case messages
        case emitterMessages = "emitter-messages"
        case bytes
        case emitterBytes = "emitter-bytes"
        case subscriptions
        case strikes
    }

    let name: Name
    /// `nil` for none.
    let rate: RateLimit?

    private static let largestCount = 1 << 40

    /// - Returns: `nil` for anything but a name, and a count, a time and a burst, or `none`.
    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = Name(rawValue: String(parts[0])) else { return nil }
        self.name = name
        guard parts[1] != "none" else {
            rate = nil
            return
        }
        guard let rate = Self.rate(parts[1], of: name) else { return nil }
        self.rate = rate
    }

    private static func rate(_ text: Substring, of name: Name) -> RateLimit? {
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let count = number(parts[0]), let seconds = TimeSpan.seconds(String(parts[1])),
            (1...86_400).contains(seconds), let burst = halves.count == 2 ? number(halves[1]) : count
        else { return nil }
        // A bucket counts a part of a token for each millisecond of the time, and emitters have more of these two.
        let factor = name == .userMessages || name == .threads ? LimitConfiguration().emitterFactor : 1
        guard max(count, burst) <= Int.max / 4 / (1000 * Int(seconds) * factor) else { return nil }
        return RateLimit(count, per: .seconds(seconds), burst: burst)
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
            return nil
        }
        return (1...largestCount).contains(number) ? number : nil
    }

    /// Sets the rates. Where there may be several of a name, all that are given count in place of the usual ones.
    static func apply(_ options: [RateOption], to limits: inout LimitConfiguration) {
        for name in Set(options.map(\.name)) {
            let rates = options.filter { $0.name == name }.map(\.rate)
            let last = rates.last ?? nil
            switch name {
            case .connects: limits.connectsPerAddress = rates.compactMap { $0 }
            case .threads: limits.openedThreads = rates.compactMap { $0 }
            case .authFailures: limits.authenticationFailuresPerAddress = last
            case .userMessages: limits.userMessages = last
            case .commands: limits.commandsPerUser = last
            case .messages: limits.messages = last
            case .emitterMessages: limits.emitterMessages = last
            case .bytes: limits.bytes = last
            case .emitterBytes: limits.emitterBytes = last
            case .subscriptions: limits.subscriptions = last
            case .strikes: limits.strikes = last
            }
        }
    }

    /// The rates of limits, as they are written.
    static func texts(of limits: LimitConfiguration) -> [String] {
        Name.allCases.flatMap { name in
            let rates: [RateLimit?] =
                switch name {
                case .connects: limits.connectsPerAddress
                case .threads: limits.openedThreads
                case .authFailures: [limits.authenticationFailuresPerAddress]
                case .userMessages: [limits.userMessages]
                case .commands: [limits.commandsPerUser]
                case .messages: [limits.messages]
                case .emitterMessages: [limits.emitterMessages]
                case .bytes: [limits.bytes]
                case .emitterBytes: [limits.emitterBytes]
                case .subscriptions: [limits.subscriptions]
                case .strikes: [limits.strikes]
                }
            return (rates.isEmpty ? [nil] : rates).map { "\(name.rawValue)=\($0.map(text) ?? "none")" }
        }
    }

    private static func text(_ rate: RateLimit) -> String {
        "\(rate.count)/\(TimeSpan.text(rate.period.components.seconds))"
            + (rate.burst == rate.count ? "" : ":\(rate.burst)")
    }

    /// Whether several of a name have a meaning.
    static func problem(with options: [RateOption]) -> String? {
        let single = Name.allCases.filter { ![.connects, .threads].contains($0) }
        guard let name = single.first(where: { name in options.count { $0.name == name } > 1 }) else { return nil }
        return "--rate \(name.rawValue) is given twice: only connects and threads may have several rates"
    }
}
