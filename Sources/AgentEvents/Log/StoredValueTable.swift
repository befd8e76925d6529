/// The values of an in-memory store.
struct StoredValueTable: Sendable {
    private struct Place: Hashable {
        var kind: StoredValue.Kind
        var thread: ThreadID?
        /// As bytes: strings that look the same may differ in them.
        var name: [UInt8]

        init(_ kind: StoredValue.Kind, _ thread: ThreadID?, _ name: String) {
            self.kind = kind
            self.thread = thread
            self.name = Array(name.utf8)
        }
    }

    private var values: [Place: StoredValue] = [:]
    /// The size of the values, without their names, in bytes.
    private(set) var byteCount = 0

    func bytes(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) -> [UInt8]? {
        values[Place(kind, thread, name)]?.bytes
    }

    /// In the order of the bytes of the names.
    func all(_ kind: StoredValue.Kind, thread: ThreadID?) -> [StoredValue] {
        values.filter { $0.key.kind == kind && $0.key.thread == thread }
            .sorted { $0.key.name.lexicographicallyPrecedes($1.key.name) }
            .map(\.value)
    }

    /// The size with these values, in bytes.
    func byteCount(storing values: [StoredValue]) -> Int {
        var sizes: [Place: Int] = [:]
        var byteCount = byteCount
        for value in values {
            let place = Place(value.kind, value.thread, value.name)
            let size = value.bytes?.count ?? 0
            byteCount += size - (sizes[place] ?? self.values[place]?.bytes?.count ?? 0)
            sizes[place] = size
        }
        return byteCount
    }

    mutating func store(_ value: StoredValue) {
        let place = Place(value.kind, value.thread, value.name)
        byteCount -= values[place]?.bytes?.count ?? 0
        byteCount += value.bytes?.count ?? 0
        values[place] = value.bytes == nil ? nil : value
    }

    mutating func removeAll(of thread: ThreadID) {
        for (place, value) in values where place.thread == thread {
            byteCount -= value.bytes?.count ?? 0
            values[place] = nil
        }
    }
}
