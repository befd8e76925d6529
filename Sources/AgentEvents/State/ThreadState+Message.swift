extension ThreadState {
    /// A message of an agent or of a user.
    public struct Message: Hashable, Sendable {
        /// Unique in its run.
        public internal(set) var message: MessageID
        /// Who speaks; `assistant` until the message is complete and tells.
        public internal(set) var role: MessageRole
        /// The text so far.
        public internal(set) var text: String
        /// Whether the text is whole.
        public internal(set) var isComplete: Bool
        /// The run that it belongs to; `nil` for a user's message.
        public internal(set) var run: RunID?
        /// The agent of that run.
        public internal(set) var agent: AgentName?
        /// Who wrote it; `nil` for a message of a run.
        public internal(set) var user: UserID?
        /// What else came with it; `nil` also when that was nested deeper than ``Limits/valueDepth``.
        public internal(set) var data: JSONValue?
        /// When its last event was accepted.
        public internal(set) var time: Timestamp

        /// The size of what may be long.
        var byteCount: Int { text.utf8.count + (data?.encoded().count ?? 0) }
    }
}

extension ThreadState.Message {
    init(_ message: UserMessage, at time: Timestamp) {
        self.init(
            message: message.message, role: .user, text: message.text, isComplete: true, user: message.user,
            data: message.data.flatMap(ThreadState.kept), time: time)
    }

    var json: JSONValue {
        var members = StateMembers()
        members.add("message_id", message)
        members.add("role", role.rawValue)
        members.add("text", text)
        members.add("complete", .bool(isComplete))
        members.add("run_id", run)
        members.add("agent", agent)
        members.add("user_id", user)
        members.add("data", data)
        members.add("time", time)
        return members.json
    }

    init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            message: try reader.identifier("message_id"), role: try reader.choice("role"),
            text: try reader.text("text"), isComplete: try reader.bool("complete"),
            run: try reader.identifierIfPresent("run_id"), agent: try reader.nameIfPresent("agent"),
            user: try reader.identifierIfPresent("user_id"), data: reader.take("data"), time: try reader.time("time"))
    }
}
