public import AgentEvents
public import Testing

/// The contract of every store of small values, as checks for a test.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await StateStoreConformance(make: { MyStore() }).run()
/// }
/// ```
///
/// Faults are reported as issues of the running test, at the place where the suite was made.
public struct StateStoreConformance: ConformanceSuite {
    /// Makes an empty store that is ready for use: a log is open.
    public typealias Make = @Sendable () async throws -> any StateStore
    /// Ends the use of a store and gives one, ready for use, that holds the same.
    public typealias Reopen = @Sendable (any StateStore) async throws -> any StateStore

    static let subject = "A store"
    let make: Make
    let reopen: Reopen?
    let sourceLocation: SourceLocation

    /// - Parameters:
    ///   - make: makes an empty store that is ready for use; called for each property.
    ///   - reopen: ends the use of a store and gives one, ready for use, that holds the same; `nil` for a store that
    ///     keeps nothing.
    public init(
        make: @escaping Make,
        reopen: Reopen? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        self.make = make
        self.reopen = reopen
        self.sourceLocation = sourceLocation
    }

    /// Checks all properties, one after the other.
    public func run() async throws {
        try await startsEmpty()
        try await keepsBytesExactly()
        try await tellsPlacesApart()
        try await replacesAndRemoves()
        try await ordersByTheBytesOfNames()
        try await refusesWhatIsTooLarge()
        try await showsWholeSaves()
        try await keepsEverythingWhenReopened()
    }

    /// A new store has no values.
    public func startsEmpty() async throws {
        let store = try await make()
        for kind in StoredValue.Kind.allCases {
            for thread in [nil, "t_1"] as [ThreadID?] {
                check(try await store.load(kind, thread: thread, name: "a") == nil, "a new store has no \(kind)")
                check(try await store.loadAll(kind, thread: thread).isEmpty, "a new store has no values of \(kind)")
            }
        }
        try await store.save([])
        try await store.save([StoredValue(.sink, name: "a", bytes: nil)])
        check(try await store.loadAll(.sink, thread: nil).isEmpty, "what is not there can be removed")
    }

    /// Bytes come back as they were saved: none, any, and as many as the limit allows.
    public func keepsBytesExactly() async throws {
        let store = try await make()
        let largest = (0..<StoredValue.maximumByteCount).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
        for bytes in [[], [0], Array(0...255), largest] {
            try await store.save([StoredValue(.snapshot, thread: "t_1", name: "a", bytes: bytes)])
            let loaded = try await store.load(.snapshot, thread: "t_1", name: "a")
            check(loaded == bytes, "\(bytes.count) bytes came back as \(loaded.map { "\($0.count)" } ?? "nil")")
            let all = try await store.loadAll(.snapshot, thread: "t_1")
            check(all.map(\.bytes) == [bytes], "\(bytes.count) bytes came back among all")
        }
    }

    /// Kinds, threads, no thread, and names are told apart, names by their bytes.
    public func tellsPlacesApart() async throws {
        let store = try await make()
        let longest = String(repeating: "n", count: StoredValue.maximumNameByteCount)
        let names = ["", "a", "A", "a ", "a.b", "é", "e\u{301}", "\u{0}", "naïve/\"1'", longest]
        var values: [StoredValue] = []
        for kind in StoredValue.Kind.allCases {
            for thread in [nil, "t_1", "T_1", "t_10"] as [ThreadID?] {
                for name in names {
                    values.append(StoredValue(kind, thread: thread, name: name, bytes: Array("\(values.count)".utf8)))
                }
            }
        }
        try await store.save(values)
        for value in values {
            let loaded = try await store.load(value.kind, thread: value.thread, name: value.name)
            check(loaded == value.bytes, "\(place(of: value)) has its own value")
        }
        let all = try await store.loadAll(.consumer, thread: "t_1")
        check(all.count == names.count, "\(all.count) of \(names.count) values of one kind and thread")
    }

    /// A later value replaces an earlier one, in one save too, and one without bytes removes it.
    public func replacesAndRemoves() async throws {
        let store = try await make()
        try await store.save([value("a", 1), value("b", 2), value("c", 3)])
        try await store.save([value("a", 4), value("b", nil), value("d", 5)])
        check(try await contents(of: store) == ["a": [4], "c": [3], "d": [5]], "one replaced, one removed, one new")
        try await store.save([value("a", 6), value("c", nil), value("a", 7), value("c", 8), value("d", nil)])
        check(try await contents(of: store) == ["a": [7], "c": [8]], "the later one of a save counts")
    }

    /// All values of a place come in the order of the UTF-8 bytes of their names.
    public func ordersByTheBytesOfNames() async throws {
        let store = try await make()
        let names = ["", "B", "Z", "a", "a\u{0}", "aa", "b", "z", "e\u{301}", "é", "ß", "\u{FFFD}", "\u{1F600}"]
        let expected = names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        for name in names.reversed() { try await store.save([value(name, 1)]) }
        let loaded = try await store.loadAll(.consumer, thread: "t_1").map(\.name)
        check(loaded.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "the order of names: \(loaded)")
    }

    /// A value or a name beyond its limit is refused with `log.too_large`, together with what it came with.
    public func refusesWhatIsTooLarge() async throws {
        let store = try await make()
        try await store.save([value("a", 1)])
        let bytes = [UInt8](repeating: 1, count: StoredValue.maximumByteCount + 1)
        let name = String(repeating: "é", count: StoredValue.maximumNameByteCount / 2) + "n"
        for wrong in [StoredValue(.consumer, thread: "t_1", name: "b", bytes: bytes), value(name, 1)] {
            do {
                try await store.save([value("a", 2), value("c", 3), wrong, value("d", 4)])
                check(false, "a value beyond its limit is refused")
            } catch EventLogError.Code.tooLarge {
            } catch {
                check(false, "a value beyond its limit is too large, not \(error)")
            }
            check(try await contents(of: store) == ["a": [1]], "a save that is refused changes nothing")
        }
    }

    // MARK: Pieces of checks

    func value(_ name: String, _ byte: UInt8?) -> StoredValue {
        StoredValue(.consumer, thread: "t_1", name: name, bytes: byte.map { [$0] })
    }

    /// The values that were saved with ``value(_:_:)``, looked up both ways.
    func contents(of store: any StateStore) async throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for value in try await store.loadAll(.consumer, thread: "t_1") {
            contents[value.name] = value.bytes
            let loaded = try await store.load(.consumer, thread: "t_1", name: value.name)
            check(loaded == value.bytes, "\(place(of: value)) alone and among all")
        }
        return contents
    }

    func place(of value: StoredValue) -> String {
        "\(value.kind) \(value.name.debugDescription) of \(value.thread.map { "\($0)" } ?? "no thread")"
    }
}
