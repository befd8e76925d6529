extension ThreadState {
    /// An open call of a tool.
    public struct Call: Hashable, Sendable {
        /// The run that calls.
        public let run: RunID
        /// Unique among the open calls of its run.
        public let call: CallID
        /// Which tool.
        public let tool: ToolName
        /// What the tool is called with; `nil` when that is nested deeper than ``Limits/valueDepth``.
        public let arguments: JSONValue?
        /// Why, for people.
        public let purpose: String?
        /// When it started.
        public let startedAt: Timestamp
        /// How far it is.
        public internal(set) var progress: Progress?
    }
}

extension ThreadState.Call {
    init(_ executing: ToolExecuting, run: RunID, at time: Timestamp) {
        self.init(
            run: run, call: executing.call, tool: executing.tool, arguments: ThreadState.kept(executing.arguments),
            purpose: executing.purpose, startedAt: time)
    }

    var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", run)
        members.add("call_id", call)
        members.add("tool", tool)
        members.add("arguments", arguments)
        members.add("purpose", purpose)
        members.add("started_at", startedAt)
        members.add("progress", progress?.json)
        return members.json
    }

    init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            run: try reader.identifier("run_id"), call: try reader.identifier("call_id"), tool: try reader.name("tool"),
            arguments: reader.take("arguments"), purpose: try reader.textIfPresent("purpose"),
            startedAt: try reader.time("started_at"))
        if var progress = try reader.objectIfPresent("progress") {
            self.progress = try ThreadState.Progress(from: &progress)
        }
    }
}
