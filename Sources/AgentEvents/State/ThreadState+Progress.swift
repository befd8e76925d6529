extension ThreadState {
    /// How far a run or a call is, by its last event that told.
    public struct Progress: Hashable, Sendable {
        /// In words.
        public var message: String?
        /// 0 to 1.
        public var fraction: Double?
        /// The current step; `nil` for a call.
        public var step: Int?
        /// How many steps there are; `nil` for a call.
        public var total: Int?
    }
}

extension ThreadState.Progress {
    init(_ progress: AgentProgress) {
        self.init(
            message: progress.message, fraction: progress.fraction, step: progress.step, total: progress.total)
    }

    init(_ progress: ToolProgress) { self.init(message: progress.message, fraction: progress.fraction) }

    var json: JSONValue {
        var members = StateMembers()
        members.add("message", message)
        members.add("fraction", fraction.flatMap { JSONNumber($0) }.map(JSONValue.number))
        members.add("step", step.map { .integer($0) })
        members.add("total", total.map { .integer($0) })
        return members.json
    }

    init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            message: try reader.textIfPresent("message"), fraction: try reader.fractionIfPresent("fraction"),
            step: try reader.integerIfPresent("step", from: 0).map(Int.init),
            total: try reader.integerIfPresent("total", from: 0).map(Int.init))
    }
}
