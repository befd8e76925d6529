/// A JSON string with at least one unpaired surrogate, such as `"\ud83d"`: legal JSON (RFC 8259, section 8.2), but no
/// Unicode text. It is kept, so that it survives a round trip.
public struct UnpairedString: Hashable, Sendable {
    /// The UTF-16 code units of the string.
    public let codeUnits: [UInt16]

    /// For code units that hold at least one unpaired surrogate.
    package init(codeUnits: [UInt16]) { self.codeUnits = codeUnits }

    /// The text with U+FFFD in the place of each unpaired surrogate.
    public var replacingUnpaired: String { String(decoding: codeUnits, as: UTF16.self) }
}
