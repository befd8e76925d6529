/// A durable sink's place in the log, as it is stored:
/// `{"version":1,"offset":42,"last":{"thread_id":"t_7","id":"3-42"}}`.
struct SinkOffset: Hashable, Sendable {
    private static let version: Int64 = 1

    /// An event of the log.
    struct Mark: Hashable, Sendable {
        var thread: ThreadID
        var id: EventID
    }

    /// The offset after the last event that the sink has taken; see ``LogRead/Selection/all(afterOffset:)``.
    var offset: UInt64
    /// The last event that the sink has taken: a log that lost it, and filled its place again, has another id there.
    /// `nil` when it has taken none yet.
    var last: Mark?

    init(_ offset: UInt64, last: Mark? = nil) {
        self.offset = offset
        self.last = last
    }

    /// - Throws: ``SinkError`` `sink.offset_unreadable` for anything but what ``encoded()`` of this version makes.
    init(decoding bytes: [UInt8], name: String) throws(SinkError) {
        guard let value = try? JSONValue(parsing: bytes), value["version"]?.integerValue == Self.version,
            let literal = value["offset"]?.numberValue?.literal, let offset = UInt64(literal)
        else { throw Self.unreadable(bytes, name) }
        self.offset = offset
        guard let last = value["last"] else { return }
        guard let thread = last["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) }),
            let id = last["id"]?.stringValue.flatMap({ EventID($0) })
        else { throw Self.unreadable(bytes, name) }
        self.last = Mark(thread: thread, id: id)
    }

    private static func unreadable(_ bytes: [UInt8], _ name: String) -> SinkError {
        SinkError(
            .offsetUnreadable,
            "the offset stored for the sink \(name) is not of version \(version): "
                + String(decoding: bytes.prefix(100), as: UTF8.self))
    }

    func encoded() -> [UInt8] {
        var members: JSONObject = ["version": .integer(Self.version), "offset": .integer(offset)]
        if let last {
            members["last"] = ["thread_id": .string(last.thread.rawValue), "id": .string(last.id.description)]
        }
        return JSONValue.object(members).encoded()
    }
}

extension SinkOffset.Mark {
    init(_ event: StoredEvent) { self.init(thread: event.thread, id: event.id) }
}
