internal import AgentEvents
internal import AgentEventsServer
internal import ArgumentParser
internal import Foundation

/// Where else a service sends its events.
struct SinkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Append events to this file too, one JSON object a line; a full file becomes <path>.1, and so on.",
            valueName: "path"))
    var fileSink: String?

    @Option(
        help: ArgumentHelp("Send events to this address too, signed, as the body of POST requests.", valueName: "url"))
    var webhook: String?

    @Option(
        help: ArgumentHelp(
            "The file with the secret that requests are signed with: all of it but a line end, at least 16 bytes.",
            valueName: "file"))
    var webhookSecretFile: String?

    func validate() throws {
        guard (webhook == nil) == (webhookSecretFile == nil) else {
            throw ValidationError("--webhook and --webhook-secret-file go together")
        }
    }

    /// The sinks: each begins with what is committed from now on, and goes on after a restart where it was.
    ///
    /// - Parameter folder: where what a sink refuses for good is set aside, as `<sink>-refused.ndjson`; `nil` for
    ///   nowhere: then a sink that refuses something for good gets nothing more.
    func sinks(settingAsideIn folder: String?) throws -> [any EventSink] {
        var sinks: [any EventSink] = []
        if let fileSink { sinks.append(Self.durable(FileSink(path: fileSink), folder)) }
        if let webhook, let webhookSecretFile {
            do throws(WebhookError) {
                let secret = try Self.secret(in: webhookSecretFile)
                sinks.append(Self.durable(try WebhookSink(url: webhook, secret: secret), folder))
            } catch {
                throw ProgramExit.usage("--webhook: \(error.message)")
            }
        }
        return sinks
    }

    private static func durable(_ sink: some EventSink, _ folder: String?) -> DurableSink {
        DurableSink(sink, deadLetters: folder.map { DeadLetterFile(path: "\($0)/\(sink.name)-refused.ndjson") })
    }

    /// A file that cannot be read has a secret that is too short.
    private static func secret(in path: String) throws(WebhookError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw WebhookError(.secretTooShort, "the file \(path) cannot be read")
        }
        var secret = Array(data)
        while let last = secret.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { secret.removeLast() }
        return secret
    }
}
