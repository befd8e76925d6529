/// Where a runtime takes the ids that it makes: of runs, calls, messages and thoughts. Tests give their own.
public struct IdentifierSource: Sendable {
    private let make: @Sendable (_ prefix: String) -> IdentifierText

    /// - Parameter make: returns an id that was never returned before. The prefix names the kind (`r`, `c`, `m`, `th`,
    ///   `a`); ids of any kind may start with it and an underscore. Called from any task; it must not block.
    public init(_ make: @escaping @Sendable (_ prefix: String) -> IdentifierText) { self.make = make }

    /// Ids that sort by the time at which they were made: a prefix, 48 bits of milliseconds and 80 random bits in
    /// Crockford's base 32 (the layout of a ULID).
    public static func timeSorted(clock: WallClock = .system) -> IdentifierSource {
        IdentifierSource { prefix in
            var generator = SystemRandomNumberGenerator()
            let time = UInt64(clamping: clock.now().milliseconds) & 0xFFFF_FFFF_FFFF
            let random = UInt128(generator.next()) << 16 | UInt128(UInt16.random(in: .min ... .max, using: &generator))
            let value = UInt128(time) << 80 | random
            let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
            let text = String(unsafeUninitializedCapacity: 26) { buffer in
                for index in 0..<26 {
                    buffer[index] = digits[Int(truncatingIfNeeded: value >> UInt128(5 * (25 - index))) & 31]
                }
                return 26
            }
            return IdentifierText(unchecked: "\(prefix)_\(text)")
        }
    }

    /// A new id of any kind.
    package func text(prefix: String) -> IdentifierText { make(prefix) }

    package func runID() -> RunID { RunID(text: make("r")) }
    func callID() -> CallID { CallID(text: make("c")) }
    package func messageID() -> MessageID { MessageID(text: make("m")) }
    func thoughtID() -> ThoughtID { ThoughtID(text: make("th")) }
}
