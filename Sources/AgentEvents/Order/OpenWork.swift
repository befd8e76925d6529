/// What is open in a run, and which of the run's ids are used.
///
/// The open items of all kinds form one stack, in the order in which they were opened. They may end in any order; only
/// the end of the run closes them from the top.
struct OpenWork: Hashable, Sendable {
    private(set) var calls = ItemLedger<CallID, OpenCall>()
    private(set) var messages = ItemLedger<MessageID, OpenMessage>()
    private(set) var approvals = ItemLedger<ApprovalID, OpenApproval>()
    /// The approvals that have expired, and when that was due.
    private(set) var expirations: [ApprovalID: Timestamp] = [:]
    /// The child runs that are open, with their ordinals.
    private var children: [RunID: Int] = [:]
    private var nextOrdinal = 0

    /// Whether nothing is open.
    var isEmpty: Bool { calls.isEmpty && messages.isEmpty && approvals.isEmpty && children.isEmpty }

    /// The open approvals that expire, the earliest first, and when.
    var expiringApprovals: [(approval: ApprovalID, expiresAt: Timestamp)] {
        guard !approvals.isEmpty else { return [] }
        return approvals.entries.compactMap { id, entry in entry.item.expiresAt.map { (id, $0, entry.ordinal) } }
            .sorted { ($0.1, $0.2) < ($1.1, $1.2) }
            .map { (approval: $0.0, expiresAt: $0.1) }
    }

    /// The open items in the order in which they were opened.
    var items: [OpenItem] {
        var items: [(ordinal: Int, item: OpenItem)] = []
        for (id, entry) in calls.entries { items.append((entry.ordinal, .call(id, entry.item))) }
        for (id, entry) in messages.entries { items.append((entry.ordinal, .message(id, text: entry.item.closedText))) }
        for (id, entry) in approvals.entries { items.append((entry.ordinal, .approval(id, call: entry.item.call))) }
        for (id, ordinal) in children { items.append((ordinal, .child(id))) }
        items.sort { $0.ordinal < $1.ordinal }
        return items.map(\.item)
    }

    mutating func openCall(_ call: CallID, tool: ToolName, at time: Timestamp) {
        calls.open(call, as: OpenCall(tool: tool, time: time), ordinal: takeOrdinal())
    }

    /// Ends a call. Its id is not kept: providers use it again for another call.
    mutating func closeCall(_ call: CallID) { calls.release(call) }

    /// What became of a fragment. Unless it was appended, nothing changed.
    enum AppendResult {
        case appended
        /// The message is completed.
        case closed
        /// The text would be longer than the maximum.
        case tooLong
    }

    /// Adds a fragment to a message, opening it with the first one.
    ///
    /// - Parameters:
    ///   - half: the first half of a character, with which the fragment ended.
    ///   - maximumByteCount: the longest text, in bytes as it stands in JSON.
    mutating func append(
        _ fragment: String,
        half: UInt16? = nil,
        to message: MessageID,
        maximumByteCount: Int
    ) -> AppendResult {
        // One look-up for the fragments after the first, and the text grows in place.
        guard let index = messages.entries.index(forKey: message) else {
            guard !messages.isClosed(message) else { return .closed }
            var opened = OpenMessage()
            guard opened.append(fragment, half: half, maximumByteCount: maximumByteCount) else { return .tooLong }
            messages.open(message, as: opened, ordinal: takeOrdinal())
            return .appended
        }
        return messages.entries.values[index].item.append(fragment, half: half, maximumByteCount: maximumByteCount)
            ? .appended : .tooLong
    }

    mutating func closeMessage(_ message: MessageID) { messages.close(message) }

    mutating func openApproval(_ requested: ApprovalRequested) {
        approvals.open(
            requested.approval, as: OpenApproval(call: requested.call, expiresAt: requested.expiresAt),
            ordinal: takeOrdinal())
    }

    mutating func closeApproval(_ resolved: ApprovalResolved) {
        if resolved.decision == .expired, let time = approvals[resolved.approval]?.expiresAt {
            expirations[resolved.approval] = time
        }
        approvals.close(resolved.approval)
    }

    mutating func openChild(_ run: RunID) { children[run] = takeOrdinal() }

    mutating func closeChild(_ run: RunID) { children.removeValue(forKey: run) }

    private mutating func takeOrdinal() -> Int {
        defer { nextOrdinal += 1 }
        return nextOrdinal
    }
}
