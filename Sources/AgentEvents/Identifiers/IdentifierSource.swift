/// The source of the ids that a runtime makes: of runs, calls, messages and thoughts. Tests give their own.
public struct IdentifierSource: Sendable {
    private let make: @Sendable (_ prefix: String) -> IdentifierText
    /// Whether its ids are random enough that nobody can have used one before: a log is not asked about them.
    let isUnguessable: Bool

    /// - Parameter make: returns an id that was never returned before. The prefix names the kind (`r`, `c`, `m`, `th`,
    ///   `a`); ids of any kind may start with it and an underscore. Called from any task; it must not block.
    public init(_ make: @escaping @Sendable (_ prefix: String) -> IdentifierText) {
        self.make = make
        isUnguessable = false
    }

    private init(unguessable make: @escaping @Sendable (_ prefix: String) -> IdentifierText) {
        self.make = make
        isUnguessable = true
    }

    /// Crockford's base 32.
    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
    private static let digitCount = 26

    /// Ids that sort by the time at which they were made: a prefix, 48 bits of milliseconds and 80 random bits in
    /// Crockford's base 32 (the layout of a ULID).
    public static func timeSorted(clock: WallClock = .system) -> IdentifierSource {
        var environment = Environment.system
        environment.wallClock = clock
        return timeSorted(in: environment)
    }

    /// As ``timeSorted(clock:)``, with the time and the random numbers of an environment.
    package static func timeSorted(in environment: Environment) -> IdentifierSource {
        IdentifierSource(unguessable: { prefix in
            let time = UInt64(clamping: environment.wallClock.now().milliseconds) & 0xFFFF_FFFF_FFFF
            let random = UInt128(environment.randomNumber()) << 16 | UInt128(environment.randomNumber() >> 48)
            let value = UInt128(time) << 80 | random
            let prefixCount = prefix.utf8.count + 1
            let text = String(unsafeUninitializedCapacity: prefixCount + Self.digitCount) { buffer in
                var end = 0
                for byte in prefix.utf8 {
                    buffer[end] = byte
                    end += 1
                }
                buffer[end] = UInt8(ascii: "_")
                for index in 0..<Self.digitCount {
                    let digit = value >> UInt128(5 * (Self.digitCount - 1 - index))
                    buffer[prefixCount + index] = Self.digits[Int(truncatingIfNeeded: digit) & 31]
                }
                return prefixCount + Self.digitCount
            }
            return IdentifierText(unchecked: text)
        })
    }

    /// A new id of any kind.
    package func text(prefix: String) -> IdentifierText { make(prefix) }

    package func runID() -> RunID { RunID(text: make("r")) }
    package func callID() -> CallID { CallID(text: make("c")) }
    func approvalID() -> ApprovalID { ApprovalID(text: make("a")) }
    package func messageID() -> MessageID { MessageID(text: make("m")) }
    package func thoughtID() -> ThoughtID { ThoughtID(text: make("th")) }
}
