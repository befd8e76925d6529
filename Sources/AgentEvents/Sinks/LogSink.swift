import Synchronization

/// Writes one line of text per event, for people: to a text output, or to a logger.
///
/// Arguments and results whose keys look like credentials are redacted; texts are shortened.
///
/// ```swift
/// LogSink { line in logger.info("\(line)") }
/// ```
public final class LogSink: EventSink {
    public let name: String
    private let write: @Sendable (String) -> Void
    private let maximumTextLength: Int

    /// - Parameters:
    ///   - maximumTextLength: longer texts and JSON values end with `…`, in characters. Default: 200.
    ///   - write: takes one line without its end. Called by one task at a time.
    public init(name: String = "log", maximumTextLength: Int = 200, write: @escaping @Sendable (String) -> Void) {
        self.name = name
        self.maximumTextLength = maximumTextLength
        self.write = write
    }

    /// Writes to a text output, each line with its end.
    public convenience init(
        name: String = "log",
        maximumTextLength: Int = 200,
        to output: some TextOutputStream & Sendable
    ) {
        let output = TextOutput(output)
        self.init(name: name, maximumTextLength: maximumTextLength) { line in output.write(line + "\n") }
    }

    public func receive(_ batch: SinkBatch) async throws {
        for event in try batch.decoded() { write(line(for: event)) }
    }

    /// Time, thread, id, run, agent and type, then the members of `data` as `name=value`.
    func line(for event: AgentEvent) -> String {
        var line = "\(event.time.rfc3339) \(event.threadID) \(event.id)"
        if let run = event.runID { line += " \(run)" }
        if let agent = event.agent { line += " \(shortened(agent.rawValue.debugDescription))" }
        line += " \(event.typeName)"
        for member in Self.data(of: event) {
            let value =
                CredentialRedaction.looksLikeCredential(member.key)
                ? CredentialRedaction.replacement : CredentialRedaction.redacted(member.value)
            line += " \(member.key)=\(shortened(String(decoding: value.encoded(), as: UTF8.self)))"
        }
        return line
    }

    /// The event's data as it stands on the wire. An event that cannot be encoded was not committed, and one of an
    /// unknown type keeps its bytes.
    private static func data(of event: AgentEvent) -> JSONObject {
        guard let bytes = try? EventEncoder.encode(event), let value = try? JSONValue(parsing: bytes) else {
            return [:]
        }
        return value["data"]?.objectValue ?? [:]
    }

    private func shortened(_ text: String) -> String {
        text.count > maximumTextLength ? text.prefix(maximumTextLength) + "…" : text
    }
}

/// Writes a line that the thread was deleted. What it wrote before stays where it is.
extension LogSink: DeletionSink {
    public var erasure: SinkErasure { .impossible }

    public func receive(_ deletion: ThreadDeletedRecord) async throws {
        write("\(deletion.deletedAt.rfc3339) \(deletion.thread) \(ThreadDeletedRecord.typeName)")
    }
}

/// A text output under a lock.
private final class TextOutput: Sendable {
    private let output: Mutex<any TextOutputStream & Sendable>

    init(_ output: some TextOutputStream & Sendable) { self.output = Mutex(output) }

    func write(_ text: String) {
        output.withLock { $0.write(text) }
    }
}
