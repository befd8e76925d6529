import AgentEvents

/// A run that a translated stream tells of, while it is open.
struct StreamedRun: Hashable, Sendable {
    struct Call: Hashable, Sendable {
        let callID: CallID
        /// As the stream names it.
        let name: String
    }

    struct Text: Hashable, Sendable {
        /// As the stream names it.
        let name: String
        /// The bytes of its fragments.
        var byteCount = 0
    }

    let agent: AgentName?
    /// The run that started it; `nil` for the one that the client asked for.
    let parent: RunID?
    let parentCall: CallID?
    /// The calls that are open, in the order of their starts.
    var calls: [Call] = []
    /// How often each id of a call was used.
    var callCounts: [CallID: Int] = [:]
    /// The messages that grow, in the order in which they were opened.
    private(set) var texts: [Text] = []
    /// The thought that grows.
    var thought: String?
    /// The questions that are open, in their order.
    var approvals: [ApprovalRequested] = []

    /// The name of an open call.
    func callName(_ call: CallID?) -> String? { calls.last { $0.callID == call }?.name }

    /// - Returns: the name of the call that begins.
    mutating func beginCall(_ call: CallID, of run: RunID) -> String {
        let number = (callCounts[call] ?? 0) + 1
        callCounts[call] = number
        let name = StreamNames.call(call, number: number, of: run)
        calls.append(Call(callID: call, name: name))
        return name
    }

    /// - Returns: the name of the call that ends; `nil` for one that is not known.
    mutating func endCall(_ call: CallID) -> String? {
        calls.firstIndex { $0.callID == call }.map { calls.remove(at: $0).name }
    }

    /// Takes a fragment of a message.
    ///
    /// - Returns: whether the message is new.
    mutating func growText(_ name: String, by fragment: String) -> Bool {
        let place = texts.firstIndex { $0.name == name }
        if place == nil { texts.append(Text(name: name)) }
        texts[place ?? texts.count - 1].byteCount += fragment.utf8.count
        return place == nil
    }

    /// - Parameter whole: the text of the message.
    /// - Returns: what no fragment had of it; `nil` for a message that was not open.
    mutating func closeText(_ name: String, _ whole: String) -> String? {
        guard let place = texts.firstIndex(where: { $0.name == name }) else { return nil }
        let byteCount = texts.remove(at: place).byteCount
        return String(decoding: whole.utf8.dropFirst(byteCount), as: UTF8.self)
    }
}

/// The open runs of a stream, in the order in which they started: a child comes after its parent.
struct StreamedRuns: Hashable, Sendable {
    private(set) var order: [RunID] = []
    private var runs: [RunID: StreamedRun] = [:]

    subscript(run: RunID) -> StreamedRun? { runs[run] }

    mutating func insert(_ run: RunID, _ open: StreamedRun) {
        if runs.updateValue(open, forKey: run) == nil { order.append(run) }
    }

    mutating func remove(_ run: RunID) {
        if runs.removeValue(forKey: run) != nil { order.removeAll { $0 == run } }
    }

    mutating func change<Result>(_ run: RunID, _ body: (inout StreamedRun) -> Result) -> Result? {
        guard runs[run] != nil else { return nil }
        return body(&runs[run, default: StreamedRun(agent: nil, parent: nil, parentCall: nil)])
    }

    func children(of run: RunID) -> [RunID] { order.filter { runs[$0]?.parent == run } }

    /// The run without a parent that a run belongs to, as far as the runs in between are open.
    func root(of run: RunID) -> RunID {
        var root = run
        while let parent = runs[root]?.parent { root = parent }
        return root
    }

    /// A run and all that is open below it, parents first.
    func tree(of root: RunID) -> [RunID] {
        var tree: [RunID] = []
        for run in order where run == root || runs[run]?.parent.map(tree.contains) == true { tree.append(run) }
        return tree
    }

    /// Whether a run does nothing until people have answered: it or a child asks, and each of its open calls waits for an answer or
    /// for such a child.
    func waits(_ run: RunID) -> Bool {
        guard let open = runs[run], open.texts.isEmpty else { return false }
        let children = children(of: run)
        guard !open.approvals.isEmpty || !children.isEmpty, children.allSatisfy(waits) else { return false }
        return open.calls.allSatisfy { call in
            open.approvals.contains { $0.callID == call.callID }
                || children.contains { runs[$0]?.parentCall == call.callID }
        }
    }
}
