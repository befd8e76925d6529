public import AgentEvents

/// Values beside the events, in the file of the index. Saving one is a transaction that is flushed to the disk, whatever
/// the durability of commits; it is meant for what happens some times a second.
extension FileEventLog: SearchableStateStore {
    public func load(
        _ kind: StoredValue.Kind,
        thread: ThreadID?,
        name: String
    ) async throws(EventLogError) -> [UInt8]? {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            try connection.index.read { try StateDatabase.load(kind, thread: thread, name: name, in: $0) }
        }
    }

    public func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            try connection.index.read { try StateDatabase.loadAll(kind, thread: thread, in: $0) }
        }
    }

    public func places(
        of kind: StoredValue.Kind,
        namePrefix: String
    ) async throws(EventLogError) -> [StoredPlace] {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            try connection.index.read { try StateDatabase.places(of: kind, namePrefix: namePrefix, in: $0) }
        }
    }

    public func save(_ values: [StoredValue]) async throws(EventLogError) {
        for value in values { try value.checkLimits() }
        let connection = try openConnection()
        guard !values.isEmpty else { return }
        try await onState { () throws(EventLogError) in
            try connection.index.transaction("saving into") { database in
                for value in values {
                    // Who saves it does not know yet that the thread was deleted.
                    if let thread = value.thread, connection.deleted.hasAny,
                        try DeletionDatabase.deletion(of: ThreadKey(thread), in: database) != nil
                    {
                        continue
                    }
                    try StateDatabase.save(value, in: database)
                    guard value.kind == .member, let thread = value.thread else { continue }
                    try CardDatabase.memberChanged(
                        value.name, in: thread, isMember: value.bytes != nil, database)
                }
            }
        }
    }
}
