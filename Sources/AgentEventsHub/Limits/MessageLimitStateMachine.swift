/// Decides which messages of a connection are carried out, and when it is read from. Confined to its event loop, and without
/// a clock of its own.
///
///     takes ── a message over a rate ──> strikes: refused ── too many within the period ──> closed
///       └── bytes over their rate ──> pauses ── the time has passed ──> takes
///
/// Other limits may count from some time on (``change(to:isEmitter:at:)``), in each of these states.
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

    private var messageRate: RateLimit?
    private var byteRate: RateLimit?
    private var subscriptionRate: RateLimit?
    private var strikeRate: RateLimit?
    private var snapshotCost: Int
    /// Whether any limit counts. Otherwise every message passes, at whatever time.
    package private(set) var isLimited: Bool
    private var messages: TokenBucket?
    private var bytes: TokenBucket?
    private var subscriptions: TokenBucket?
    private var strikes: TokenBucket?
    /// The bytes that a frame with fewer counts as: it costs work, too. So each connection has 4096 frames a second.
    private var minimumByteCount: Int

    /// - Parameter isEmitter: whether the credentials have the scope `emit`.
    package init(_ limits: LimitConfiguration, isEmitter: Bool) {
        messageRate = limits.messages(isEmitter: isEmitter)
        byteRate = limits.bytes(isEmitter: isEmitter)
        subscriptionRate = limits.subscriptions
        strikeRate = limits.strikes
        snapshotCost = limits.snapshotCost
        minimumByteCount = (byteRate?.count ?? 0) / 4096
        isLimited = messageRate != nil || byteRate != nil || subscriptionRate != nil
    }

    /// Other limits count from now on. What was used of the old ones is used of the new ones, too.
    package mutating func change(to limits: LimitConfiguration, isEmitter: Bool, at now: Int64) {
        var new = MessageLimitStateMachine(limits, isEmitter: isEmitter)
        new.messages = Self.changed(messages, messageRate, to: new.messageRate, at: now)
        new.bytes = Self.changed(bytes, byteRate, to: new.byteRate, at: now)
        new.subscriptions = Self.changed(subscriptions, subscriptionRate, to: new.subscriptionRate, at: now)
        new.strikes = Self.changed(strikes, strikeRate, to: new.strikeRate, at: now)
        self = new
    }

    private static func changed(
        _ bucket: TokenBucket?,
        _ old: RateLimit?,
        to new: RateLimit?,
        at now: Int64
    ) -> TokenBucket? {
        guard var bucket, let old, let new else { return nil }
        bucket.change(from: old, to: new, at: now)
        return bucket
    }

    /// - Parameter now: milliseconds of a clock that does not go backwards.
    package mutating func receive(_ kind: Kind, at now: Int64) -> Action {
        let wait =
            switch kind {
            case .free: nil as Int64?
            case .request: Self.take(1, of: &messages, messageRate, at: now)
            case .subscription: Self.take(1, of: &subscriptions, subscriptionRate, at: now)
            case .snapshot: Self.take(snapshotCost, of: &subscriptions, subscriptionRate, at: now)
            }
        guard let wait else { return .pass }
        guard Self.take(1, of: &strikes, strikeRate, at: now) == nil else {
            return .close(retryAfterMilliseconds: wait)
        }
        return .refuse(retryAfterMilliseconds: wait)
    }

    /// A subscription was given a snapshot that it had not asked for first of all: it costs as much as one that had.
    package mutating func tookSnapshot(at now: Int64) {
        guard let subscriptionRate else { return }
        if subscriptions == nil { subscriptions = TokenBucket(subscriptionRate, at: now) }
        _ = subscriptions?.spend(max(0, snapshotCost - 1), at: now, subscriptionRate)
    }

    /// Bytes have come, in a frame of their own.
    ///
    /// - Returns: for how many milliseconds nothing further is read; `nil` when reading continues.
    package mutating func received(byteCount: Int, at now: Int64) -> Int64? {
        guard let byteRate else { return nil }
        if bytes == nil { bytes = TokenBucket(byteRate, at: now) }
        return bytes?.spend(max(byteCount, minimumByteCount), at: now, byteRate)
    }

    private static func take(_ count: Int, of bucket: inout TokenBucket?, _ rate: RateLimit?, at now: Int64) -> Int64? {
        guard let rate else { return nil }
        if bucket == nil { bucket = TokenBucket(rate, at: now) }
        return bucket?.take(count, at: now, rate)
    }
}
