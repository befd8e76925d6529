package import AgentEvents

/// The acknowledgements of consumers on their way into the store: the latest of each consumer, as long as it is not
/// saved or somebody follows the thread as that consumer.
package struct AcknowledgementLedger: Equatable {
    private struct Place: Equatable {
        var cursor: Cursor?
        var readerCount = 0
        /// Whether the store was asked, or need not be.
        var isKnown: Bool
    }

    private let maximumCount: Int
    /// The places of those who follow their threads.
    private var places: [ConsumerKey: Place] = [:]
    /// To be saved.
    private var waiting: [ConsumerKey: Cursor] = [:]
    /// Being saved.
    private var saving: [ConsumerKey: Cursor] = [:]

    /// - Parameter maximumCount: how many may wait to be saved.
    package init(maximumCount: Int) { self.maximumCount = maximumCount }

    /// The cursor of a consumer, as far as it is known without the store.
    package func cursor(of key: ConsumerKey) -> Cursor? { places[key]?.cursor ?? waiting[key] ?? saving[key] }

    /// Somebody follows the thread as the consumer from now on. What is acknowledged while the store is asked is remembered.
    ///
    /// - Returns: the latest that was acknowledged, as far as that is known without the store; if it is `nil`, the store is
    ///   asked, and ``finishAttaching(_:stored:)`` follows.
    package mutating func beginAttaching(_ key: ConsumerKey) -> Cursor? {
        let known = cursor(of: key)
        var place = places[key] ?? Place(cursor: known, isKnown: known != nil)
        place.readerCount += 1
        places[key] = place
        return place.cursor
    }

    /// The store was asked for the place of a consumer.
    ///
    /// - Parameter stored: what the store has.
    /// - Returns: the latest that was acknowledged.
    package mutating func finishAttaching(_ key: ConsumerKey, stored: Cursor?) -> Cursor? {
        guard var place = places[key] else { return stored }
        if !place.isKnown {
            place.cursor = place.cursor ?? stored
            place.isKnown = true
            places[key] = place
        }
        return place.cursor
    }

    /// The latest cursor that was acknowledged is not of the thread's history: the consumer begins again.
    ///
    /// - Parameter cursor: that latest one; what was acknowledged since, by another connection, counts.
    package mutating func restart(_ key: ConsumerKey, from cursor: Cursor) {
        guard self.cursor(of: key) == cursor else { return }
        places[key]?.cursor = nil
        waiting[key] = nil
    }

    package mutating func detach(_ key: ConsumerKey) {
        places[key]?.readerCount -= 1
        if places[key]?.readerCount == 0 { places[key] = nil }
    }

    /// Nothing of a user waits to be saved any longer, and what is being saved is not tried again.
    package mutating func forget(_ user: UserID) {
        for key in places.keys where key.user == user { places[key]?.cursor = nil }
        waiting = waiting.filter { $0.key.user != user }
        saving = saving.filter { $0.key.user != user }
    }

    package enum AcknowledgeAction: Equatable {
        case none
        /// Something waits to be saved, and nothing did.
        case wake
        /// Too much waits already; nothing was noted.
        case reject
    }

    /// Everything up to a cursor is acknowledged. Only forward: a cursor that is not newer than the latest changes
    /// nothing.
    package mutating func acknowledge(_ key: ConsumerKey, _ cursor: Cursor) -> AcknowledgeAction {
        if let latest = self.cursor(of: key), !cursor.isNewer(than: latest) { return .none }
        guard waiting[key] != nil || waiting.count < maximumCount else { return .reject }
        places[key]?.cursor = cursor
        let wakes = waiting.isEmpty
        waiting[key] = cursor
        return wakes ? .wake : .none
    }

    /// Everything that waits; ``saved()`` or ``failed()`` follows.
    package mutating func takeWaiting() -> [ConsumerKey: Cursor] {
        precondition(saving.isEmpty, "one batch at a time is saved")
        swap(&waiting, &saving)
        return saving
    }

    package mutating func saved() { saving = [:] }

    /// The save failed: its cursors wait again, unless newer ones do.
    package mutating func failed() {
        waiting.merge(saving) { newer, _ in newer }
        saving = [:]
    }
}

extension Cursor {
    /// Whether the event was accepted later. A later generation is, whatever its number: the numbers of a tail that a
    /// crash took are used again.
    package func isNewer(than other: Cursor) -> Bool {
        (generation, sequence) > (other.generation, other.sequence)
    }
}
