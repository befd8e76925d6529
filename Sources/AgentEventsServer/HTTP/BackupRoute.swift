import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `POST backups`: copies the log into a new folder while it is written to, and answers when that is whole and on the disk. On the
/// listener for operators, with the scope `admin`.
struct BackupRoute<Context: RequestContext>: Sendable {
    let hub: AgentEventsHub
    /// The folder of the backups; `nil` when there is none.
    let folder: String?

    private static var maximumBodyByteCount: Int { 16 * 1024 }
    private static var maximumNameByteCount: Int { 100 }

    func add(to router: some RouterMethods<Context>, _ interface: HTTPInterface<Context>) {
        interface.add(
            "backups", [HTTPInterface.Route(.post) { request, _ in try await respond(to: request) }], to: router)
    }

    private func respond(to request: Request) async throws -> Response {
        let bytes = try await request.bodyBytes(upTo: Self.maximumBodyByteCount)
        let name = try Self.name(in: bytes) ?? Self.name(at: hub.runtime.environment.wallClock.now())
        guard let folder, let log = hub.runtime.log as? any BackedUpLog else {
            throw ProtocolError(
                .requestInvalid,
                "this service makes no backups: its events are in memory, in a log that cannot be copied, or it has no folder for them"
            )
        }
        let backup: LogBackup
        do throws(EventLogError) {
            backup = try await log.backUp(to: "\(folder)/\(name)")
        } catch {
            throw ProtocolError(error, threadID: nil)
        }
        return Response(
            status: .created,
            json: [
                "name": .string(name), "folder": .string(backup.folder), "created_at": .string(backup.time.rfc3339),
                "files": .integer(backup.fileCount), "bytes": .integer(backup.byteCount),
                "threads": .integer(backup.threadCount),
            ])
    }

    /// The name of a backup that was asked for without one: `2026-01-31T12-00-00.000Z`.
    static func name(at time: Timestamp) -> String { String(time.rfc3339.map { $0 == ":" ? "-" : $0 }) }

    /// The name in a body: nothing, or `{"name":…}`.
    ///
    /// - Returns: `nil` where there is none.
    static func name(in bytes: [UInt8]) throws(ProtocolError) -> String? {
        if bytes.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) { return nil }
        guard let body = try? JSONValue(parsing: bytes), let members = body.objectValue,
            Set(members.map(\.key)).isSubset(of: ["name"])
        else { throw ProtocolError(.requestInvalid, "the body is nothing, or {\"name\":…}") }
        guard let value = members["name"] else { return nil }
        guard let name = value.stringValue, isName(name) else {
            throw ProtocolError(
                .requestInvalid,
                "name is up to \(maximumNameByteCount) letters, digits, dots, underscores and hyphens, the first one no dot, and does "
                    + "not end with .partial", path: "$.name")
        }
        return name
    }

    /// Whether a text is one name of a folder, and not of one elsewhere.
    private static func isName(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain && (1...maximumNameByteCount).contains(text.utf8.count) && !text.hasPrefix(".")
            && !text.hasSuffix(".partial")
    }
}
