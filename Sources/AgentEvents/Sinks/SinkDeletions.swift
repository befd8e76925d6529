import Synchronization

/// The deletions that sinks are still to be told of.
///
/// A deletion is stored for each sink that is to be told before the thread is deleted, and removed when the sink has taken it:
///
///     prepared (stored) ── the log has deleted the thread ──> waiting ── the sink took it ──> gone
///            ├── the log has not, and says so: dropped, at the latest by the next start
///            └── the log cannot say: kept, and the next start asks again
///
/// In memory it has the deletions that wait, in their order: a few words for each and every sink that has not taken it.
final class SinkDeletions: Sendable {
    /// A sink that is told of deletions.
    struct Recipient: Hashable, Sendable {
        var name: String
        /// Whether it is told after a restart, too, even after one without it.
        var isDurable: Bool
        /// Tells it apart from others of the name.
        var number = 0
    }

    private struct State {
        var waiting: [Recipient: Deque<ThreadDeletedRecord>] = [:]
    }

    private let recipients: [Recipient]
    private let log: any EventLog
    private let store: (any StateStore)?
    private let state = Mutex(State())

    init(_ recipients: [Recipient], log: any EventLog) {
        self.recipients = recipients
        self.log = log
        store = log as? any StateStore
    }

    /// Reads what an earlier process stored; before anything is given to a sink.
    func load() async throws(EventLogError) {
        guard let store, let deleting = log as? any DeletingEventLog else { return }
        var found: [(recipient: Recipient, record: ThreadDeletedRecord)] = []
        var void: [StoredValue] = []
        for value in try await store.loadAll(.deletion, thread: nil) {
            guard let (recipient, record) = Self.decode(value) else {
                throw EventLogError(.corrupt, "the deletion that is stored as \(value.name) cannot be read")
            }
            // Sinks that keep no place begin with what comes; one that is gone is never told.
            let isForNobody = !recipient.isDurable && !recipients.contains(recipient)
            // The process ended before the thread was deleted: it is there.
            var isVoid = isForNobody
            if !isVoid { isVoid = try await deleting.deletion(of: record.thread) == nil }
            if isVoid {
                void.append(StoredValue(.deletion, name: value.name, bytes: nil))
            } else {
                found.append((recipient, record))
            }
        }
        if !void.isEmpty { try await store.save(void) }
        found.sort {
            ($0.record.deletedAt, $0.record.thread.rawValue) < ($1.record.deletedAt, $1.record.thread.rawValue)
        }
        state.withLock { state in
            for (recipient, record) in found { state.waiting[recipient, default: Deque()].append(record) }
        }
    }

    /// Stores that the sinks are to be told; before the thread is deleted.
    func prepare(_ record: ThreadDeletedRecord) async throws(EventLogError) {
        guard let store, !recipients.isEmpty else { return }
        try await store.save(recipients.map { Self.value($0, record) })
    }

    /// The log did not delete the thread, and says so: the record goes.
    func cancel(_ record: ThreadDeletedRecord) async {
        guard let store, !recipients.isEmpty else { return }
        do throws(EventLogError) {
            try await store.save(
                recipients.map { StoredValue(.deletion, name: Self.name($0, record.thread), bytes: nil) })
        } catch {
            // The next start finds out.
        }
    }

    /// The thread was deleted: from now on the sinks are given the record. Called at once, so that none is given a page that
    /// was read before in between.
    func begin(_ record: ThreadDeletedRecord) {
        state.withLock { state in
            for recipient in recipients { state.waiting[recipient, default: Deque()].append(record) }
        }
    }

    /// The first deletion that a sink is to be told of.
    func next(for recipient: Recipient) -> ThreadDeletedRecord? {
        state.withLock { $0.waiting[recipient]?.first }
    }

    /// Whether a sink is to be told of the deletion of one of the threads.
    func concern(_ threads: some Sequence<ThreadID>, of recipient: Recipient) -> Bool {
        state.withLock { state in
            guard let waiting = state.waiting[recipient], !waiting.isEmpty else { return false }
            let deleted = Set(waiting.lazy.map(\.thread))
            return threads.contains { deleted.contains($0) }
        }
    }

    /// The sink has taken the first deletion. Returns when it will not be told again.
    func didTake(_ record: ThreadDeletedRecord, by recipient: Recipient) async throws(EventLogError) {
        if let store {
            try await store.save([StoredValue(.deletion, name: Self.name(recipient, record.thread), bytes: nil)])
        }
        state.withLock { state in
            guard state.waiting[recipient]?.first == record else {
                preconditionFailure("a sink takes the deletion that it was given")
            }
            _ = state.waiting[recipient]?.popFirst()
        }
    }

    /// The sinks that are still to be told that a thread was deleted: also durable ones that this runtime does not have.
    func waiting(for thread: ThreadID) -> Set<Recipient> {
        state.withLock { state in
            Set(state.waiting.filter { $0.value.contains { $0.thread == thread } }.keys)
        }
    }

    // MARK: Stored

    /// A space is in no id of a thread.
    private static func name(_ recipient: Recipient, _ thread: ThreadID) -> String {
        "\(thread) \(recipient.isDurable ? "durable" : "plain") \(recipient.number) \(recipient.name)"
    }

    private static func value(_ recipient: Recipient, _ record: ThreadDeletedRecord) -> StoredValue {
        let json: JSONValue = [
            "version": 1, "thread_id": .string(record.thread.rawValue), "tenant": .string(record.tenant.rawValue),
            "deleted_at": .string(record.deletedAt.rfc3339), "sink": .string(recipient.name),
            "durable": .bool(recipient.isDurable), "number": .integer(Int64(recipient.number)),
        ]
        return StoredValue(.deletion, name: name(recipient, record.thread), bytes: json.encoded())
    }

    private static func decode(_ value: StoredValue) -> (recipient: Recipient, record: ThreadDeletedRecord)? {
        guard let bytes = value.bytes, let json = try? JSONValue(parsing: bytes), json["version"]?.integerValue == 1,
            let thread = json["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) }),
            let tenant = json["tenant"]?.stringValue.flatMap({ try? TenantID($0) }),
            let time = json["deleted_at"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) }),
            let sink = json["sink"]?.stringValue, let isDurable = json["durable"]?.boolValue,
            let number = json["number"]?.integerValue.flatMap({ Int(exactly: $0) })
        else { return nil }
        return (
            Recipient(name: sink, isDurable: isDurable, number: number),
            ThreadDeletedRecord(thread: thread, tenant: tenant, deletedAt: time)
        )
    }
}
