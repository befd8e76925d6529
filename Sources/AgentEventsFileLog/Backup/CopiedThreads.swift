import AgentEvents
import GRDB

/// The threads of a copied log, as its index and its blocks have them, and whether the two agree.
struct CopiedThreads {
    private struct Thread {
        let key: ThreadKey
        let oldest: UInt64
        var head: EventID?
        /// The last sequence up to which its events were seen, or need not be.
        var seen: UInt64
    }

    private var threads: [UInt64: Thread] = [:]
    /// The numbers of deleted threads whose records are still in blocks: they do not belong to the copy.
    private let deleted: Set<UInt64>
    /// Whether all blocks are read, and not only those that are not in the index.
    private let readsAll: Bool

    /// Reads the threads of an index.
    init(in database: Database, readsAll: Bool) throws {
        self.readsAll = readsAll
        deleted = Set(try DeletionDatabase.unfinished(in: database).map(\.number))
        var last: UInt64 = 0
        while true {
            let rows = try RetentionDatabase.threads(after: last, limit: 1000, in: database)
            guard let end = rows.last?.number else { return }
            for row in rows {
                guard let stored = try LogDatabase.thread(number: row.number, in: database) else { continue }
                let oldest = max(1, stored.oldest?.sequence ?? 1)
                threads[row.number] = Thread(
                    key: stored.key, oldest: oldest, head: stored.head,
                    seen: readsAll ? 0 : stored.head?.sequence ?? oldest - 1)
            }
            last = end
        }
    }

    var count: Int { threads.values.count { $0.head != nil } }

    /// A block gives a thread its number.
    mutating func note(_ thread: StoredThread) {
        guard threads[thread.number] == nil, !deleted.contains(thread.number) else { return }
        threads[thread.number] = Thread(key: thread.key, oldest: 1, seen: 0)
    }

    /// A block has an event.
    ///
    /// - Returns: what is wrong with that.
    mutating func note(_ id: EventID, of number: UInt64) -> String? {
        guard !deleted.contains(number) else { return nil }
        guard let thread = threads[number] else {
            return "there is no thread number \(number), which has the event \(id)"
        }
        guard id.sequence > thread.seen else {
            return readsAll ? "the event \(id) of \(thread.key.thread) comes after \(thread.seen)" : nil
        }
        // Files of which all was trimmed are gone, also from the middle.
        guard id.sequence <= max(thread.seen + 1, thread.oldest) else {
            return "the event \(id) of \(thread.key.thread) follows \(thread.seen): those in between are missing"
        }
        threads[number]?.seen = id.sequence
        guard let head = thread.head, id.sequence <= head.sequence else {
            threads[number]?.head = id
            return nil
        }
        guard id.sequence == head.sequence, id != head else { return nil }
        return "the event \(id) of \(thread.key.thread) is \(head) in the index"
    }

    /// - Returns: what is missing at the end of some thread.
    func missing() -> String? {
        for (_, thread) in threads.sorted(by: { $0.key < $1.key }) {
            guard let head = thread.head, head.sequence >= thread.oldest, thread.seen < head.sequence else { continue }
            return "the blocks of \(thread.key.thread) end at \(thread.seen), and not at \(head)"
        }
        return nil
    }

    /// A JSON object for each thread on a line of its own, in the order of their numbers.
    var heads: [UInt8] {
        var bytes: [UInt8] = []
        for (_, thread) in threads.sorted(by: { $0.key < $1.key }) {
            guard let head = thread.head else { continue }
            var line: JSONObject = [
                "thread_id": .string(thread.key.thread.rawValue), "head": .string(head.description),
            ]
            if thread.key.tenant != .default { line["tenant"] = .string(thread.key.tenant.rawValue) }
            bytes += JSONValue.object(line).encoded() + [0x0A]
        }
        return bytes
    }
}
