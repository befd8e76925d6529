extension ThreadState {
    /// An entry of the thread's shared state, by the newest version of it.
    public struct Entry: Hashable, Sendable {
        /// Which entry; keys are told apart by their UTF-8 bytes.
        public let key: String
        /// An update of this entry with the same version or a lower one was ignored, or will be.
        public let version: Int64
        /// `nil` for an entry that was removed, and for a value that is nested deeper than ``Limits/valueDepth``.
        public let value: JSONValue?
        /// Whether the entry was removed; it is kept for its version.
        public let isRemoved: Bool
        /// When the entry lapses. It stays here, for a state has no clock.
        public let expiresAt: Timestamp?

        /// The size of what may be long.
        var byteCount: Int { key.utf8.count + (value?.encoded().count ?? 0) }
    }
}

extension ThreadState.Entry {
    init(_ update: StateUpdated) {
        let value: JSONValue?
        let isRemoved: Bool
        switch update.change {
        case .value(let new): (value, isRemoved) = (ThreadState.kept(new), false)
        case .removed: (value, isRemoved) = (nil, true)
        }
        self.init(
            key: update.key, version: update.version, value: value, isRemoved: isRemoved, expiresAt: update.expiresAt)
    }

    var json: JSONValue {
        var members = StateMembers()
        members.add("key", key)
        members.add("version", .integer(version))
        members.add("value", value)
        members.add("removed", isRemoved ? .bool(true) : nil)
        members.add("expires_at", expiresAt)
        return members.json
    }

    init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            key: try reader.text("key"), version: try reader.integer("version", from: 1), value: reader.take("value"),
            isRemoved: try reader.boolIfPresent("removed") ?? false, expiresAt: try reader.timeIfPresent("expires_at"))
    }
}
