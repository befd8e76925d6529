internal import AgentEvents
internal import AgentEventsFiles
internal import AgentEventsServer
internal import AgentEventsTokens
internal import ArgumentParser
internal import Foundation

/// The further destinations of a service's events.
struct SinkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Append events to this file too, one JSON object a line; a full file becomes <path>.1, and so on. They are for their "
                + "owner alone (0600), the user of the service: others are refused.",
            valueName: "path"))
    var fileSink: String?

    @Option(
        help: ArgumentHelp(
            """
            Send events to this address too, signed, as the body of POST requests. Only an answer of 2xx takes them; all \
            else is tried again, in order, and 410 stops it until the next start.
            """, valueName: "url"))
    var webhook: String?

    @Option(
        help: ArgumentHelp(
            "The file with the secret that requests are signed with: all of it but a line end, at least 16 bytes.",
            valueName: "file"))
    var webhookSecretFile: String?

    @Option(
        help: ArgumentHelp(
            "The certificates of the authorities that the webhook's address may have its certificate of, in PEM form. "
                + "Default: those of the system.",
            valueName: "file"))
    var webhookCaFile: String?

    @Option(
        help: ArgumentHelp(
            "How long a request to the webhook may take in all, in seconds; then it is tried again.",
            valueName: "seconds"))
    var webhookTimeout = 10.0

    @Option(
        name: .customLong("webhook-event"),
        help: ArgumentHelp(
            "Send events of this type to the webhook, and of no others: a type such as approval_requested, or run_ends for the last "
                + "events of runs. May be repeated. Default: all",
            valueName: "type"),
        transform: { text throws in try WebhookEvents.read(text) })
    var webhookEvents: [WebhookEvents] = []

    @Option(
        help: ArgumentHelp(
            "The longest pause before a sink that refuses events is given them again, such as 30s or 1h. Default: 1h",
            valueName: "time"),
        transform: { text throws in try RetentionAge.read(text) })
    var sinkPause: Duration?

    @Option(
        help: ArgumentHelp(
            "How often a sink is given an event that it alone refuses before the event is set aside.",
            valueName: "count"))
    var sinkAttempts = SinkRetryPolicy.patient.maximumAttempts

    @Option(
        help: ArgumentHelp(
            "For how long it refuses such an event before the event is set aside, such as 10m or 1d. Default: 1d",
            valueName: "time"),
        transform: { text throws in try RetentionAge.read(text) })
    var sinkPatience: Duration?

    func validate() throws {
        guard webhookTimeout > 0, webhookTimeout <= 3600 else {
            throw ValidationError("--webhook-timeout is above 0 and at most 3600")
        }
        guard sinkAttempts > 0 else { throw ValidationError("--sink-attempts is at least 1") }
        if webhookCaFile != nil, webhook == nil {
            throw ValidationError("--webhook-ca-file has no meaning without --webhook")
        }
        if !webhookEvents.isEmpty, webhook == nil {
            throw ValidationError("--webhook-event has no meaning without --webhook")
        }
        guard (webhook == nil) == (webhookSecretFile == nil) else {
            throw ValidationError("--webhook and --webhook-secret-file go together")
        }
    }

    /// The sinks: each begins with what is committed from now on, and continues after a restart where it was.
    ///
    /// - Parameter folder: where what a sink refuses for good is set aside, as `<sink>-refused.ndjson`; `nil` for
    ///   nowhere: then it is passed over, and an error in the log of the service names it.
    func sinks(settingAsideIn folder: String?) throws -> [any EventSink] {
        var sinks: [any EventSink] = []
        if let fileSink {
            try checkFile(for: geteuid())
            sinks.append(durable(FileSink(path: fileSink, isPrivate: true, files: RealFileSystem()), folder))
        }
        if let webhook, let webhookSecretFile {
            let secret = try Self.secret(in: webhookSecretFile)
            do throws(WebhookError) {
                let timeout = Duration.seconds(webhookTimeout)
                let events = webhookEvents.isEmpty ? nil : Set(webhookEvents.flatMap(\.types))
                let sink =
                    if let webhookCaFile {
                        try WebhookSink(
                            url: webhook, secret: secret, events: events, timeout: timeout,
                            client: try WebhookClient.trusting(certificatesIn: webhookCaFile))
                    } else {
                        try WebhookSink(url: webhook, secret: secret, events: events, timeout: timeout)
                    }
                sinks.append(durable(sink, folder))
            } catch {
                throw ProgramExit.usage("--webhook: \(error.message)")
            }
        }
        return sinks
    }

    /// Refuses a file that others may read.
    ///
    /// - Parameter user: the one of the service; `nil` where that is not known.
    func checkFile(for user: UInt32? = nil) throws {
        guard let fileSink else { return }
        guard let problem = ConfiguredFile.privacyProblem(ofEventsAt: fileSink, user: user) else { return }
        throw ProgramExit.usage("--file-sink: \(problem)")
    }

    /// Makes the file of events, so that nobody else does before the first event, and that a place where there can be none is
    /// told.
    func makeFile() throws {
        guard let fileSink else { return }
        do throws(ConfiguredFile.ReadingError) {
            try ConfiguredFile.makeEventFile(at: fileSink)
        } catch {
            throw ProgramExit.unavailable("--file-sink: \(error.message)")
        }
        // It may have been made by another user meanwhile.
        try checkFile(for: geteuid())
    }

    private func durable(_ sink: some EventSink, _ folder: String?) -> DurableSink {
        var durable = DurableSink(
            sink, deadLetters: folder.map { DeadLetterFile(path: "\($0)/\(sink.name)-refused.ndjson") })
        durable.passesOverRefused = folder == nil
        durable.retry.maximumAttempts = sinkAttempts
        if let sinkPause { durable.retry.longestPause = sinkPause }
        if let sinkPatience { durable.retry.minimumRefusalTime = sinkPatience }
        return durable
    }

    /// Read by the same rules as the secrets of tokens: others than the owner of the file may not use it.
    private static func secret(in path: String) throws -> [UInt8] {
        do throws(TokenKeyError) {
            return try KeyFile.secret(at: path)
        } catch {
            throw ProgramExit.usage("--webhook-secret-file \(path): \(error.message)")
        }
    }
}

/// Types of events, by one word.
struct WebhookEvents: Hashable {
    /// The word for the last events of runs.
    private static let runEnds = "run_ends"

    let types: Set<EventType>

    static func read(_ text: String) throws -> WebhookEvents {
        if text == runEnds { return WebhookEvents(types: EventType.runEnds) }
        guard let type = EventType(rawValue: text) else {
            let known = ([runEnds] + EventType.allCases.map(\.rawValue)).joined(separator: ", ")
            throw ValidationError("it is one of \(known)")
        }
        return WebhookEvents(types: [type])
    }
}
