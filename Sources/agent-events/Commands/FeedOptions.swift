internal import AgentEvents
internal import AgentEventsClient
internal import ArgumentParser

/// The options of the commands that emit events.
struct FeedOptions: ParsableArguments {
    /// Idempotency keys are kept for a day: a request that is sent again later could be logged twice.
    private static let longestGiveUpSeconds: Double = 23 * 3600

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Whose thread it is, when it is not the token's user.", valueName: "id"),
        transform: { text throws in try UserID(text) })
    var user: UserID?

    @Option(
        help: ArgumentHelp(
            "How long events wait for a service that has gone: seconds, or a number with s, m or h. Default: 10m. When it "
                + "is given, the first connection is waited for too.",
            valueName: "time"),
        transform: Self.giveUp)
    var giveUp: Double?

    @Option(
        help: ArgumentHelp(
            "Begin the idempotency keys with this, and send each line on its own, so that the same lines again, with the "
                + "same prefix within 24 hours, log nothing twice.",
            valueName: "text"),
        transform: Self.prefix)
    var keyPrefix: String?

    private static func giveUp(_ text: String) throws -> Double {
        let seconds = TimeSpan.seconds(text).map(Double.init) ?? Double(text)
        guard let seconds, seconds >= 0, seconds <= longestGiveUpSeconds else {
            throw ValidationError(
                "a time is a number of seconds, or one with s, m or h, up to 23h: 30, 90s, 10m; not \(text)")
        }
        return seconds
    }

    private static func prefix(_ text: String) throws -> String {
        do throws(IdentifierError) {
            _ = try IdempotencyKey("\(text)-\(Int.max)")
        } catch {
            throw ValidationError("the line number is added to it, and then \(error.message)")
        }
        guard !text.isEmpty else { throw ValidationError("it has at least one character") }
        return text
    }

    /// - Parameter batch: how many events are sent in one request at most.
    func configuration(batch: Int) -> EmitConfiguration {
        var configuration = EmitConfiguration(
            keyPrefix: keyPrefix ?? IdentifierSource.timeSorted().text(prefix: "e").string)
        configuration.user = user
        configuration.maximumBatchCount = keyPrefix == nil ? batch : 1
        if let giveUp {
            configuration.giveUpTimeout = .seconds(giveUp)
            configuration.waitsForFirstConnection = true
        }
        return configuration
    }
}
