/// The values of an in-memory store.
struct StoredValueTable: Sendable {
    private var values: [StoredKey: StoredValue] = [:]
    /// The size of the values, without their names, in bytes.
    private(set) var byteCount = 0

    func bytes(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) -> [UInt8]? {
        values[StoredKey(kind, thread: thread, name: name)]?.bytes
    }

    /// In the order of the bytes of the names.
    func all(_ kind: StoredValue.Kind, thread: ThreadID?) -> [StoredValue] {
        values.filter { $0.key.tenant == .default && $0.key.kind == kind && $0.key.thread == thread }
            .sorted { $0.key.name.utf8.lexicographicallyPrecedes($1.key.name.utf8) }
            .map(\.value)
    }

    func places(of kind: StoredValue.Kind, namePrefix: String) -> [StoredPlace] {
        values.keys.compactMap { key in
            guard key.tenant == .default, key.kind == kind, let thread = key.thread,
                key.name.utf8.starts(with: namePrefix.utf8)
            else { return nil }
            return StoredPlace(thread: thread, name: key.name)
        }
    }

    /// The size with these values, in bytes.
    func byteCount(storing values: [StoredValue]) -> Int {
        var sizes: [StoredKey: Int] = [:]
        var byteCount = byteCount
        for value in values {
            let key = value.key
            let size = value.bytes?.count ?? 0
            byteCount += size - (sizes[key] ?? self.values[key]?.bytes?.count ?? 0)
            sizes[key] = size
        }
        return byteCount
    }

    mutating func store(_ value: StoredValue) {
        let key = value.key
        byteCount -= values[key]?.bytes?.count ?? 0
        byteCount += value.bytes?.count ?? 0
        values[key] = value.bytes == nil ? nil : value
    }

    mutating func removeAll(of thread: ThreadID) {
        for (place, value) in values where place.thread == thread {
            byteCount -= value.bytes?.count ?? 0
            values[place] = nil
        }
    }
}
