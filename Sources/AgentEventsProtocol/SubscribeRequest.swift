public import AgentEvents

/// A request for a thread's events.
package struct SubscribeRequest: Hashable, Sendable {
    package var thread: ThreadID
    /// The place to begin. `nil`: after what the consumer has acknowledged, or at the start when it has not yet;
    /// without a consumer, with what comes next. Not looked at when the state comes first.
    package var start: StartPosition?
    /// Under which name acknowledgements are stored; `nil` for nowhere.
    package var consumer: ConsumerName?
    /// When the subscriber gets the state of the thread in the place of the events before.
    package var snapshot: SnapshotUse
    /// Whether fragments may be merged while the subscriber catches up.
    package var merges: Bool
    /// Whether the subscriber is told when the members of the thread change.
    package var followsMembers: Bool

    /// When a subscriber gets the state of the thread in the place of the events before.
    package enum SnapshotUse: Hashable, Sendable {
        case never
        /// When its cursor is not one of the thread.
        case onReset
        /// First of all.
        case atStart
    }

    package init(
        thread: ThreadID,
        start: StartPosition? = nil,
        consumer: ConsumerName? = nil,
        snapshot: SnapshotUse = .never,
        merges: Bool = true,
        followsMembers: Bool = false
    ) {
        self.thread = thread
        self.start = start
        self.consumer = consumer
        self.snapshot = snapshot
        self.merges = merges
        self.followsMembers = followsMembers
    }
}

extension SubscribeRequest {
    /// - Throws: ``ProtocolError`` with the path to the fault.
    init(_ members: inout MemberReader) throws(ProtocolError) {
        let after: String?
        do throws(WireError) {
            self.init(thread: try members.threadID())
            consumer = try members.identifierIfPresent("consumer")
            merges = try members.boolIfPresent("merge") ?? true
            followsMembers = try members.boolIfPresent("members") ?? false
            if try members.boolIfPresent("snapshot") ?? false { snapshot = .onReset }
            // `null` is no absence here: a client means something by it.
            after = members.object["after"] == nil ? nil : try members.word("after")
        } catch {
            throw ProtocolError(member: error)
        }
        if after == Self.afterSnapshot {
            snapshot = .atStart
        } else if let after {
            start = try StartPosition(text: after, path: "$.after")
        }
        // With what comes next, the state is that of all before; elsewhere the events tell it, unless they are gone.
        let beginsNow = start == .now || start == nil && consumer == nil
        if snapshot == .onReset, beginsNow {
            start = nil
            snapshot = .atStart
        }
    }

    private static let afterSnapshot = "snapshot"

    /// The members in the order of the schema, without `op` and `req`.
    var members: [(String, JSONValue?)] {
        [
            ("thread_id", thread.json),
            ("after", snapshot == .atStart ? .string(Self.afterSnapshot) : start.map { .string($0.text) }),
            ("consumer", consumer?.json),
            ("snapshot", snapshot == .onReset ? true : nil),
            ("merge", merges ? nil : false),
            ("members", followsMembers ? true : nil),
        ]
    }
}

/// The name of a reader whose acknowledgements the service stores: a browser tab, a device, a worker.
public struct ConsumerName: Identifier {
    public static var kind: String { "consumer name" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}
