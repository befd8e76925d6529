internal import ArgumentParser

/// Reads how long nothing may come for a run that a program outside emits.
enum EmittedRunTimeout {
    static func read(_ text: String) throws -> Duration {
        guard let seconds = TimeSpan.seconds(text) ?? Int64(text), (1...86_400).contains(seconds) else {
            throw ValidationError(
                "the time is a number of seconds, or one with s, m, h or d, from 1s to 24h: 90, 90s, 15m, 2h, 1d; "
                    + "not \(text)")
        }
        return .seconds(seconds)
    }
}
