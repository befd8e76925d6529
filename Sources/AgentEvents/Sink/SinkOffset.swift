/// A durable sink's place in the log, as it is stored: `{"version":1,"offset":42}`.
struct SinkOffset: Hashable, Sendable {
    private static let version: Int64 = 1

    /// Behind the last event that the sink has taken; see ``LogRead/Selection/all(afterOffset:)``.
    var offset: UInt64

    init(_ offset: UInt64) { self.offset = offset }

    /// - Throws: ``SinkError`` `sink.offset_unreadable` for anything but what ``encoded()`` of this version makes.
    init(decoding bytes: [UInt8], name: String) throws(SinkError) {
        guard let value = try? JSONValue(parsing: bytes), value["version"]?.integerValue == Self.version,
            let literal = value["offset"]?.numberValue?.literal, let offset = UInt64(literal)
        else {
            throw SinkError(
                .offsetUnreadable,
                "the offset stored for the sink \(name) is not of version \(Self.version): "
                    + String(decoding: bytes.prefix(100), as: UTF8.self))
        }
        self.offset = offset
    }

    func encoded() -> [UInt8] {
        JSONValue.object(["version": .integer(Self.version), "offset": .integer(offset)]).encoded()
    }
}
