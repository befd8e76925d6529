package import AgentEvents

/// What can be seen of an event in the bytes of the log without decoding it. The members of the envelope stand in one order, and
/// no text before the time has a quotation mark in it.
package enum EventGlance {
    private static let start = Array(#"{"type":""#.utf8)
    private static let time = Array(#","time":""#.utf8)
    private static let quotationMark = UInt8(ascii: "\"")

    /// The type; `nil` for one that is not in this version's catalogue.
    package static func type(of bytes: [UInt8]) -> EventType? {
        guard bytes.starts(with: start) else { return nil }
        let rest = bytes[start.count...]
        guard let end = rest.firstIndex(of: quotationMark) else { return nil }
        return EventType(rawValue: String(decoding: rest[..<end], as: UTF8.self))
    }

    /// The time; `nil` where it is not seen.
    static func time(of bytes: [UInt8]) -> Timestamp? {
        var index = bytes.startIndex
        while let found = bytes[index...].firstIndex(of: UInt8(ascii: ",")) {
            index = found + 1
            guard bytes[found...].starts(with: time) else { continue }
            let rest = bytes[(found + time.count)...]
            guard let end = rest.firstIndex(of: quotationMark) else { return nil }
            return Timestamp(rfc3339: String(decoding: rest[..<end], as: UTF8.self))
        }
        return nil
    }
}
