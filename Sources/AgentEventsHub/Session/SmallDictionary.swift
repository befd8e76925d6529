/// A dictionary whose first entry needs no memory of its own: most connections follow one thread. Further entries are hashed.
struct SmallDictionary<Key: Hashable, Value> {
    private var first: (key: Key, value: Value)?
    private var others: [Key: Value] = [:]

    var isEmpty: Bool { first == nil && others.isEmpty }
    var count: Int { (first == nil ? 0 : 1) + others.count }
    /// In no particular order.
    var values: [Value] { (first.map { [$0.value] } ?? []) + others.values }

    func contains(_ key: Key) -> Bool { self[key] != nil }

    subscript(key: Key) -> Value? {
        get { if let first, first.key == key { first.value } else { others[key] } }
        set {
            if let known = first, known.key == key {
                first = newValue.map { (key, $0) }
            } else if let newValue, first == nil, others[key] == nil {
                first = (key, newValue)
            } else {
                others[key] = newValue
                // One that is empty again keeps no room.
                if others.isEmpty { others = [:] }
            }
        }
    }
}
