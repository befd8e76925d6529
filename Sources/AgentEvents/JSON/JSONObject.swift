/// The members of a JSON object, in the order in which they were written. No key occurs twice.
///
/// Two objects are equal when they have equal members, in any order. Keys are told apart by their UTF-8 bytes, so
/// two spellings of "é" are two keys.
public struct JSONObject: Sendable, ExpressibleByDictionaryLiteral, RandomAccessCollection {
    public typealias Element = (key: String, value: JSONValue)

    private var members: [Element]

    /// Traps when a key occurs twice.
    public init(_ members: some Sequence<(String, JSONValue)>) {
        self.members = []
        var seen = KeyFilter()
        for (key, value) in members {
            precondition(seen.insert(key, after: self.members), "the key \"\(key)\" occurs twice")
            self.members.append((key, value))
        }
    }

    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

    /// For members whose keys the parser has found to be unique.
    package init(uniqueMembers: [Element]) { members = uniqueMembers }

    public var startIndex: Int { members.startIndex }
    public var endIndex: Int { members.endIndex }
    public subscript(position: Int) -> Element { members[position] }

    /// The value of a key. Setting one that is not there appends it; setting `nil` removes it.
    public subscript(key: String) -> JSONValue? {
        get { index(of: key).map { members[$0].value } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }

    public var keys: [String] { members.map(\.key) }

    private func index(of key: String) -> Int? {
        members.firstIndex { ExactString.areEqual($0.key, key) }
    }
}

extension JSONObject: Hashable {
    public static func == (one: JSONObject, other: JSONObject) -> Bool {
        guard one.count == other.count else { return false }
        if one.members.elementsEqual(other.members, by: Self.areEqual) { return true }
        let values = Dictionary(uniqueKeysWithValues: other.members.map { (ExactString($0.key), $0.value) })
        return one.members.allSatisfy { values[ExactString($0.key)] == $0.value }
    }

    private static func areEqual(_ one: Element, _ other: Element) -> Bool {
        ExactString.areEqual(one.key, other.key) && one.value == other.value
    }

    public func hash(into hasher: inout Hasher) {
        // Members may stand in any order, so their hashes are combined by a sum.
        var sum = 0
        for member in members {
            var memberHasher = Hasher()
            ExactString.hash(member.key, into: &memberHasher)
            memberHasher.combine(member.value)
            sum = sum &+ memberHasher.finalize()
        }
        hasher.combine(sum)
    }
}

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
