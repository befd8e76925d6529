import AgentEvents
import Logging
import Synchronization

/// Keeps what consumers have acknowledged, beside the log, a little later than they did: acknowledging costs nobody a
/// write, and a crash costs a consumer at most what it acknowledged in the last moment, so that it gets those events
/// again.
final class ConsumerAcknowledgements: Sendable {
    private let store: any StateStore
    private let delay: Duration
    private let environment: Environment
    private let logger: Logger
    private let ledger: Mutex<AcknowledgementLedger>
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// - Parameter delay: how long acknowledgements are gathered before they are saved together.
    init(
        store: any StateStore,
        delay: Duration = .milliseconds(200),
        maximumCount: Int = 100_000,
        environment: Environment,
        logger: Logger
    ) {
        self.store = store
        self.delay = delay
        self.environment = environment
        self.logger = logger
        ledger = Mutex(AcknowledgementLedger(maximumCount: maximumCount))
        // One wake-up is as good as many.
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    /// Somebody follows the thread as the consumer, until ``detach(_:)``.
    ///
    /// - Returns: the latest that was acknowledged; `nil` for nothing yet.
    func attach(_ key: ConsumerKey) async throws(EventLogError) -> Cursor? {
        if let known = ledger.withLock({ $0.beginAttaching(key) }) { return known }
        // Others may acknowledge and leave meanwhile: the place is held, so that the answer does not undo that.
        let bytes: [UInt8]?
        do throws(EventLogError) {
            bytes = try await store.load(.consumer, thread: key.thread, name: key.name)
        } catch {
            detach(key)
            throw error
        }
        let stored = bytes.flatMap { Cursor(String(decoding: $0, as: UTF8.self)) }
        if bytes != nil, stored == nil {
            logger.error("stored acknowledgement is no cursor", metadata: Self.metadata(key))
        }
        return ledger.withLock { $0.finishAttaching(key, stored: stored) }
    }

    /// The latest cursor that was acknowledged is not of the thread's history.
    func restart(_ key: ConsumerKey, from cursor: Cursor) { ledger.withLock { $0.restart(key, from: cursor) } }

    func detach(_ key: ConsumerKey) { ledger.withLock { $0.detach(key) } }

    /// - Returns: whether the acknowledgement will be saved; `false` while too many wait for a store that fails.
    func acknowledge(_ key: ConsumerKey, _ cursor: Cursor) -> Bool {
        switch ledger.withLock({ $0.acknowledge(key, cursor) }) {
        case .none: return true
        case .wake:
            wake.yield()
            return true
        case .reject: return false
        }
    }

    /// Removes all that a user has acknowledged, in all threads, and returns when that is durable. What the user acknowledges
    /// later, over a connection that is still open, counts again.
    ///
    /// - Returns: how many places there were; `nil` for a store that cannot be searched.
    func forget(_ user: UserID) async throws(EventLogError) -> Int? {
        guard let store = store as? any SearchableStateStore else { return nil }
        ledger.withLock { $0.forget(user) }
        let count = try await forget(user, in: store)
        // What was being saved meanwhile may have come after that.
        return try await count + forget(user, in: store)
    }

    private func forget(_ user: UserID, in store: any SearchableStateStore) async throws(EventLogError) -> Int {
        try await store.removeAll(.consumer, namePrefix: user.rawValue) { ConsumerKey.isName($0, of: user) }.count
    }

    /// Saves what is acknowledged until ``finish()``, and then the rest.
    func run() async {
        for await _ in wakes {
            // A cancelled sleep comes at the end; the rest is saved then.
            try? await environment.sleep(delay)
            if await !save() {
                try? await environment.sleep(delay * 5)
                wake.yield()
            }
        }
        _ = await save()
    }

    func finish() { wake.finish() }

    private func save() async -> Bool {
        let batch = ledger.withLock { $0.takeWaiting() }
        let values = batch.map { key, cursor in
            StoredValue(.consumer, thread: key.thread, name: key.name, bytes: Array(cursor.description.utf8))
        }
        do throws(EventLogError) {
            if !values.isEmpty { try await store.save(values) }
            ledger.withLock { $0.saved() }
            return true
        } catch {
            ledger.withLock { $0.failed() }
            logger.error("acknowledgements not saved", metadata: ["error.code": "\(error.code)"])
            return false
        }
    }

    private static func metadata(_ key: ConsumerKey) -> Logger.Metadata { ["thread.id": "\(key.thread)"] }
}
