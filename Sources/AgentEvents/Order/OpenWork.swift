/// The open items of a run, and the ids that the run has used.
///
/// The open items of all kinds form one stack, in the order in which they were opened. They may end in any order; only
/// the end of the run closes them from the top. Each change says how it is undone, in the reverse order of the changes.
struct OpenWork: Hashable, Sendable {
    private(set) var calls = ItemLedger<CallID, OpenCall>()
    private(set) var messages = ItemLedger<MessageID, OpenMessage>()
    private(set) var approvals = ItemLedger<ApprovalID, OpenApproval>()
    /// The approvals that have expired, and when that was due.
    private(set) var expirations: [ApprovalID: Timestamp] = [:]
    /// The child runs that are open, with their ordinals.
    private var children: [RunID: Int] = [:]
    private var nextOrdinal = 0

    /// The reversal of a change.
    enum Undo: Sendable {
        case nothing
        case openedCall(CallID)
        case beganCall(CallID)
        indirect case closedCall(CallID, ItemLedger<CallID, OpenCall>.Entry)
        case openedMessage(MessageID)
        case fragment(MessageID, OpenMessage.Mark)
        indirect case closedMessage(MessageID, ItemLedger<MessageID, OpenMessage>.Closing)
        case openedApproval(ApprovalID)
        indirect case closedApproval(
            ApprovalID, ItemLedger<ApprovalID, OpenApproval>.Closing, forgottenExpiration: Timestamp?,
            began: CallID?, refused: CallID?, refusal: ApprovalDecision?)
    }

    /// Whether nothing is open.
    var isEmpty: Bool { calls.isEmpty && messages.isEmpty && approvals.isEmpty && children.isEmpty }

    /// The child runs that are open.
    var childRuns: some Collection<RunID> { children.keys }

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

    // MARK: Fragments

    /// The answer of a message to a fragment.
    enum FragmentCheck {
        /// - Parameter byteCount: how long the fragment is, in bytes as it stands in JSON.
        case fits(byteCount: Int)
        /// The message is completed.
        case closed
        /// The text would be longer than the maximum.
        case tooLong
    }

    /// Whether a message may take a fragment; the first one opens it. Changes nothing; why it is mutating, see
    /// ``OpenRuns/check(_:_:at:time:)``.
    ///
    /// - Parameters:
    ///   - half: the first half of a character, with which the fragment ended.
    ///   - maximumByteCount: the longest text, in bytes as it stands in JSON.
    mutating func check(
        _ fragment: String,
        half: UInt16?,
        of message: MessageID,
        maximumByteCount: Int
    ) -> FragmentCheck {
        let byteCount = JSONWriter.escapedByteCount(of: fragment)
        let fits: Bool
        if let index = messages.entries.index(forKey: message) {
            fits = messages.entries.values[index].item.fits(byteCount, half: half, maximumByteCount: maximumByteCount)
        } else {
            guard !messages.isClosed(message) else { return .closed }
            fits = OpenMessage().fits(byteCount, half: half, maximumByteCount: maximumByteCount)
        }
        return fits ? .fits(byteCount: byteCount) : .tooLong
    }

    /// Adds a fragment to a message, opening it with the first one. A completed message stays as it is.
    ///
    /// - Parameters:
    ///   - byteCount: how long the fragment is, in bytes as it stands in JSON.
    ///   - half: the first half of a character, with which the fragment ended.
    mutating func append(_ fragment: String, byteCount: Int, half: UInt16?, to message: MessageID) -> Undo {
        // One look-up for the fragments after the first, and the text grows in place.
        guard let index = messages.entries.index(forKey: message) else {
            guard !messages.isClosed(message) else { return .nothing }
            var opened = OpenMessage()
            _ = opened.append(fragment, byteCount: byteCount, half: half)
            messages.open(message, as: opened, ordinal: takeOrdinal())
            return .openedMessage(message)
        }
        let mark = messages.entries.values[index].item.append(fragment, byteCount: byteCount, half: half)
        return .fragment(message, mark)
    }

    // MARK: Other changes

    mutating func openCall(_ call: CallID, tool: ToolName, at time: Timestamp) -> Undo {
        calls.open(call, as: OpenCall(tool: tool, time: time), ordinal: takeOrdinal())
        return .openedCall(call)
    }

    /// The body of a call is known to have begun.
    mutating func beginCall(_ call: CallID) -> Undo {
        guard let index = calls.entries.index(forKey: call), !calls.entries.values[index].item.hasBegun else {
            return .nothing
        }
        calls.entries.values[index].item.hasBegun = true
        return .beganCall(call)
    }

    /// The open calls that wait for an approval, and whose bodies have not begun.
    var unbegunCalls: Set<CallID> {
        var unbegun: Set<CallID> = []
        for approval in approvals.entries.values {
            guard let call = approval.item.call, isAsked(call, by: approval), calls[call]?.hasBegun == false else {
                continue
            }
            unbegun.insert(call)
        }
        return unbegun
    }

    /// Whether a request for approval is for a call that is open, and not for an earlier one of the same id.
    private func isAsked(_ call: CallID, by approval: ItemLedger<ApprovalID, OpenApproval>.Entry) -> Bool {
        calls.entries[call].map { $0.ordinal < approval.ordinal } ?? false
    }

    /// Ends a call. Its id is not kept: providers use it again for another call.
    mutating func closeCall(_ call: CallID) -> Undo {
        calls.release(call).map { .closedCall(call, $0) } ?? .nothing
    }

    mutating func closeMessage(_ message: MessageID) -> Undo {
        .closedMessage(message, messages.close(message))
    }

    mutating func openApproval(_ requested: ApprovalRequested) -> Undo {
        approvals.open(
            requested.approvalID,
            as: OpenApproval(
                call: requested.callID, expiresAt: requested.expiresAt, terms: ApprovalTerms(requested)),
            ordinal: takeOrdinal())
        return .openedApproval(requested.approvalID)
    }

    /// - Parameter isHeld: whether the run is paused, so that what is approved does not begin yet.
    mutating func closeApproval(_ resolved: ApprovalResolved, isHeld: Bool) -> Undo {
        let closing = approvals.close(resolved.approvalID)
        if resolved.decision == .expired, let time = closing.entry?.item.expiresAt {
            expirations[resolved.approvalID] = time
        }
        let forgotten = closing.forgotten.flatMap { expirations.removeValue(forKey: $0) }
        var (began, refused): (CallID?, CallID?)
        var refusal: ApprovalDecision?
        if let approval = closing.entry, let call = approval.item.call, isAsked(call, by: approval),
            let index = calls.entries.index(forKey: call), !calls.entries.values[index].item.hasBegun
        {
            if resolved.decision == .approved {
                calls.entries.values[index].item.hasBegun = true
                calls.entries.values[index].item.isHeld = isHeld
                began = call
            } else {
                refusal = calls.entries.values[index].item.refusal
                calls.entries.values[index].item.refusal = resolved.decision
                refused = call
            }
        }
        return .closedApproval(
            resolved.approvalID, closing, forgottenExpiration: forgotten, began: began, refused: refused,
            refusal: refusal)
    }

    /// The run is resumed: what was approved meanwhile may begin.
    ///
    /// - Returns: the calls that were held.
    mutating func releaseHeldCalls() -> [CallID] {
        let held = calls.entries.filter { $0.value.item.isHeld }.map(\.key)
        for call in held { setHeld(call, false) }
        return held
    }

    mutating func undoReleaseHeldCalls(_ held: [CallID]) { for call in held { setHeld(call, true) } }

    private mutating func setHeld(_ call: CallID, _ isHeld: Bool) {
        guard let index = calls.entries.index(forKey: call) else { return }
        calls.entries.values[index].item.isHeld = isHeld
    }

    /// - Parameter call: the call that starts it.
    /// - Returns: whether that is the first sign of the call's body.
    mutating func openChild(_ run: RunID, call: CallID?) -> Bool {
        children[run] = takeOrdinal()
        guard let call, case .beganCall = beginCall(call) else { return false }
        return true
    }

    /// - Returns: the place that the child had; `nil` when it was not open.
    mutating func closeChild(_ run: RunID) -> Int? { children.removeValue(forKey: run) }

    private mutating func takeOrdinal() -> Int {
        defer { nextOrdinal += 1 }
        return nextOrdinal
    }

    // MARK: Undoing

    /// Takes back the last change that was not taken back.
    mutating func undo(_ change: Undo) {
        switch change {
        case .nothing:
            break
        case .openedCall(let call):
            _ = calls.release(call)
            nextOrdinal -= 1
        case .beganCall(let call):
            undoBeginCall(call)
        case .closedCall(let call, let entry):
            calls.entries[call] = entry
        case .openedMessage(let message):
            _ = messages.release(message)
            nextOrdinal -= 1
        case .fragment(let message, let mark):
            guard let index = messages.entries.index(forKey: message) else { break }
            messages.entries.values[index].item.truncate(to: mark)
        case .closedMessage(let message, let closing):
            messages.undoClose(message, closing)
        case .openedApproval(let approval):
            _ = approvals.release(approval)
            nextOrdinal -= 1
        case .closedApproval(
            let approval, let closing, let forgottenExpiration, let began, let refused, let refusal):
            if let began { undoBeginCall(began) }
            if let refused, let index = calls.entries.index(forKey: refused) {
                calls.entries.values[index].item.refusal = refusal
            }
            approvals.undoClose(approval, closing)
            expirations[approval] = nil
            if let forgotten = closing.forgotten { expirations[forgotten] = forgottenExpiration }
        }
    }

    private mutating func undoBeginCall(_ call: CallID) {
        guard let index = calls.entries.index(forKey: call) else { return }
        calls.entries.values[index].item.hasBegun = false
        calls.entries.values[index].item.isHeld = false
    }

    /// Takes back ``openChild(_:call:)``.
    ///
    /// - Parameter began: the call of which it was the first sign.
    mutating func undoOpenChild(_ run: RunID, began: CallID?) {
        if let began { undoBeginCall(began) }
        children[run] = nil
        nextOrdinal -= 1
    }

    /// Takes back ``closeChild(_:)``, which returned a place.
    mutating func undoCloseChild(_ run: RunID, _ ordinal: Int) { children[run] = ordinal }
}
