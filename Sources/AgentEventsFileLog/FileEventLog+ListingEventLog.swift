public import AgentEvents
import Synchronization

/// Cards are in the file of the index, and saved like the values of the ``StateStore``, after the events that they tell of.
extension FileEventLog: ListingEventLog {
    public func listing() async throws(EventLogError) -> ListingPosition {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            let saved = try connection.index.read { try CardDatabase.savedThrough(in: $0) }
            return ListingPosition(savedThrough: saved, end: connection.endOffset)
        }
    }

    public func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard] {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            try connection.index.read { database in
                try threads.compactMap { try CardDatabase.card(of: $0, in: database) }
            }
        }
    }

    public func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError) {
        for card in cards { try card.checkLimits() }
        let connection = try openConnection()
        try await onState { () throws(EventLogError) in
            // Of what the power takes with it, no card tells.
            try connection.blocks.synchronize(upTo: connection.tail.withLock { $0.end })
            try connection.index.transaction("saving into") { database in
                for card in cards {
                    // Who saves it does not know yet that the thread was deleted.
                    if connection.deleted.hasAny,
                        try DeletionDatabase.deletion(of: ThreadKey(card.thread), in: database) != nil
                    {
                        continue
                    }
                    try CardDatabase.save(card, in: database)
                }
                try CardDatabase.setSavedThrough(offset, in: database)
            }
        }
    }

    public func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard] {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            try connection.index.read { try CardDatabase.list(query, in: $0) }
        }
    }
}

extension LogConnection {
    /// The offset after everything that is committed.
    fileprivate var endOffset: UInt64 { LogOffset(block: tail.withLock { $0.end }, eventCount: 0).number }
}
