/// Tells whether a key of an object is new, in constant time for a key, byte for byte.
struct KeyFilter {
    /// One bit for each key seen, at a place taken from its length and ends: mostly enough to know that a key is new.
    private var bits: UInt64 = 0
    /// All keys, once there are many.
    private var keys: Set<ExactString> = []

    private static var many: Int { 16 }

    /// - Parameter members: the members before the key; they are all that was inserted so far.
    /// - Returns: `false` when one of them has the key.
    mutating func insert(_ key: String, after members: [JSONObject.Element]) -> Bool {
        if members.count >= Self.many {
            if keys.isEmpty { keys = Set(members.map { ExactString($0.key) }) }
            return keys.insert(ExactString(key)).inserted
        }
        let bit = Self.bit(key)
        defer { bits |= bit }
        guard bits & bit != 0 else { return true }
        for member in members where ExactString.areEqual(member.key, key) { return false }
        return true
    }

    private static func bit(_ key: String) -> UInt64 {
        var key = key
        return key.withUTF8 { bytes in
            guard !bytes.isEmpty else { return 1 }
            let mix = Int(bytes[0]) &* 31 &+ Int(bytes[bytes.count - 1]) &* 7 &+ bytes.count
            return 1 &<< UInt64(truncatingIfNeeded: mix)
        }
    }
}
