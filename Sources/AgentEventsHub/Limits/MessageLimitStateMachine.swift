/// Decides which messages of a connection are carried out, and when it is read from. Confined to its event loop, and without
/// a clock of its own.
///
///     takes ── a message over a rate ──> strikes: refused ── too many within the period ──> closed
///       └── bytes over their rate ──> pauses ── the time has passed ──> takes
///
/// Other limits may count from some time on (``change(to:at:)``), in each of these states.
package struct MessageLimitStateMachine: Sendable {
    /// A message, by the rate that it counts for.
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// What adds events, asks for something, or says nothing that is known.
        case request
        case subscription
        case snapshot
        /// Unsubscribing, acknowledgements, answers to pings and new credentials: they are never refused, since that would
        /// make things worse. They count as bytes.
        case free
    }

    package enum Action: Hashable, Sendable {
        case pass
        /// - Parameter retryAfterMilliseconds: the time after which it would be taken.
        case refuse(retryAfterMilliseconds: Int64)
        /// Refuse it, and close the connection.
        case close(retryAfterMilliseconds: Int64)
    }

    private var rates: MessageRates
    private var messages: TokenBucket
    private var bytes: TokenBucket
    private var subscriptions: TokenBucket
    private var strikes: TokenBucket

    package init(_ rates: MessageRates) {
        self.rates = rates
        // Full, whenever the first message comes.
        messages = TokenBucket(rates.messages, at: 0)
        bytes = TokenBucket(rates.bytes, at: 0)
        subscriptions = TokenBucket(rates.subscriptions, at: 0)
        strikes = TokenBucket(rates.strikes, at: 0)
    }

    /// Whether any limit counts. Otherwise every message passes, at whatever time.
    package var isLimited: Bool { rates.isLimited }

    /// Other limits count from now on. What was used of the old ones is used of the new ones, too.
    package mutating func change(to new: MessageRates, at now: Int64) {
        messages.change(from: rates.messages, to: new.messages, at: now)
        bytes.change(from: rates.bytes, to: new.bytes, at: now)
        subscriptions.change(from: rates.subscriptions, to: new.subscriptions, at: now)
        strikes.change(from: rates.strikes, to: new.strikes, at: now)
        rates = new
    }

    /// - Parameter now: milliseconds of a clock that does not go backwards.
    package mutating func receive(_ kind: Kind, at now: Int64) -> Action {
        let wait =
            switch kind {
            case .free: nil as Int64?
            case .request: Self.take(1, of: &messages, rates.messages, at: now)
            case .subscription: Self.take(1, of: &subscriptions, rates.subscriptions, at: now)
            case .snapshot: Self.take(rates.snapshotCost, of: &subscriptions, rates.subscriptions, at: now)
            }
        guard let wait else { return .pass }
        guard Self.take(1, of: &strikes, rates.strikes, at: now) == nil else {
            return .close(retryAfterMilliseconds: wait)
        }
        return .refuse(retryAfterMilliseconds: wait)
    }

    /// A subscription was given a snapshot that it had not asked for first of all: it costs as much as one that had.
    package mutating func tookSnapshot(at now: Int64) {
        guard let rate = rates.subscriptions else { return }
        _ = subscriptions.spend(max(0, rates.snapshotCost - 1), at: now, rate)
    }

    /// Bytes have come, in a frame of their own.
    ///
    /// - Returns: for how many milliseconds nothing further is read; `nil` when reading continues.
    package mutating func received(byteCount: Int, at now: Int64) -> Int64? {
        guard let rate = rates.bytes else { return nil }
        return bytes.spend(max(byteCount, rates.minimumByteCount), at: now, rate)
    }

    private static func take(_ count: Int, of bucket: inout TokenBucket, _ rate: RateLimit?, at now: Int64) -> Int64? {
        rate.flatMap { bucket.take(count, at: now, $0) }
    }
}

/// The limits on the messages of a connection. One for all connections that have the same: it is as large as the rest of what is
/// kept of their use.
package final class MessageRates: Sendable {
    let messages: RateLimit?
    let bytes: RateLimit?
    let subscriptions: RateLimit?
    let strikes: RateLimit?
    let snapshotCost: Int
    /// The bytes that a frame with fewer counts as: it costs work, too. So each connection has 4096 frames a second.
    let minimumByteCount: Int
    let isLimited: Bool

    /// - Parameter isEmitter: whether the credentials have the scope `emit`.
    package init(_ limits: LimitConfiguration, isEmitter: Bool) {
        messages = limits.messages(isEmitter: isEmitter)
        bytes = limits.bytes(isEmitter: isEmitter)
        subscriptions = limits.subscriptions
        strikes = limits.strikes
        snapshotCost = limits.snapshotCost
        minimumByteCount = (bytes?.count ?? 0) / 4096
        isLimited = messages != nil || bytes != nil || subscriptions != nil
    }

    /// Nothing is limited.
    package static let none = MessageRates(.none, isEmitter: false)
}
