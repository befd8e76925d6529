/// The members of a JSON object, in the order in which they were written. No key occurs twice.
///
/// Two objects are equal when they have equal members, in whatever order.
public struct JSONObject: Sendable, ExpressibleByDictionaryLiteral, RandomAccessCollection {
    public typealias Element = (key: String, value: JSONValue)

    private var members: [Element]

    /// Traps when a key occurs twice.
    public init(_ members: some Sequence<(String, JSONValue)>) {
        self.members = []
        for (key, value) in members {
            precondition(self[key] == nil, "the key \"\(key)\" occurs twice")
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
        get { members.first { $0.key == key }?.value }
        set {
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }

    public var keys: [String] { members.map(\.key) }
}

extension JSONObject: Hashable {
    public static func == (one: JSONObject, other: JSONObject) -> Bool {
        guard one.count == other.count else { return false }
        if one.members.elementsEqual(other.members, by: { $0.key == $1.key && $0.value == $1.value }) { return true }
        let values = Dictionary(uniqueKeysWithValues: other.members.map { ($0.key, $0.value) })
        return one.members.allSatisfy { values[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        // Members may stand in any order, so their hashes are combined by a sum.
        var sum = 0
        for member in members {
            var memberHasher = Hasher()
            memberHasher.combine(member.key)
            memberHasher.combine(member.value)
            sum = sum &+ memberHasher.finalize()
        }
        hasher.combine(sum)
    }
}
