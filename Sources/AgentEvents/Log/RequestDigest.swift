/// Stands for what a request means, so that the same idempotency key with another request is noticed.
///
/// It is made of the events as they were asked for, and not of the bytes of a message: white space, the order of members and
/// the way a string is escaped make no difference, and neither does the transport.
public struct RequestDigest: Hashable, Sendable {
    /// The size of a digest, in bytes.
    public static let byteCount = 16

    private let high: UInt64
    private let low: UInt64

    /// Reads what ``bytes`` gave.
    ///
    /// - Returns: `nil` for another number of bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        let number = bytes.reduce(0 as UInt128) { $0 << 8 | UInt128($1) }
        high = UInt64(truncatingIfNeeded: number >> 64)
        low = UInt64(truncatingIfNeeded: number)
    }

    /// As it is stored.
    public var bytes: [UInt8] {
        let number = UInt128(high) << 64 | UInt128(low)
        return (0..<Self.byteCount).map { UInt8(truncatingIfNeeded: number >> UInt128(120 - 8 * $0)) }
    }
}

extension RequestDigest {
    /// - Parameters:
    ///   - drafts: the events that are asked for.
    ///   - user: the user whose thread they are for.
    ///   - detail: what the request asks for besides; `nil` for nothing.
    /// - Throws: ``AgentEventsError`` with the index of a draft that cannot be written.
    init(of drafts: [EventDraft], for user: UserID, detail: String?) throws(AgentEventsError) {
        // Each on a line of its own: compact JSON has no line breaks.
        var writer = JSONWriter()
        writer.canonical(.array([.string(user.rawValue), detail.map { .string($0) } ?? .null]))
        for (index, draft) in drafts.enumerated() {
            // A request that is sent again has a span of its own.
            let draft = draft.trace == nil ? draft : draft.traced(nil)
            do throws(WireError) {
                let json = try JSONValue(parsing: try EventEncoder.encode(draft))
                writer.byte(ASCII.lineFeed)
                writer.canonical(json)
                guard draft.isDurationMeasured || draft.halves != nil else { continue }
                // What the members do not show: what the draft leaves to the service, and halves of characters.
                writer.byte(ASCII.lineFeed)
                writer.canonical(
                    .array([
                        .bool(draft.isDurationMeasured), Self.json(draft.halves?.end), Self.json(draft.halves?.start),
                    ]))
            } catch {
                throw AgentEventsError(error, index: index)
            }
        }
        let hash = SHA256Hash.hash(writer.bytes)
        guard let digest = RequestDigest(bytes: hash.prefix(Self.byteCount)) else {
            preconditionFailure("a hash has more bytes than a digest")
        }
        self = digest
    }

    private static func json(_ half: UInt16?) -> JSONValue { half.map { .number(JSONNumber(Int64($0))) } ?? .null }
}
