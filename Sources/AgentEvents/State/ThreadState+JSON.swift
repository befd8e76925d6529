extension ThreadState {
    /// Counts up when states of earlier versions cannot be gone on with.
    private static var format: Int64 { 1 }

    /// The state as it goes to clients and into a store: snake_case, the members in a fixed order. Equal states give equal
    /// bytes.
    public var json: JSONValue {
        var members = StateMembers()
        members.add("format", .integer(Self.format))
        members.add("cursor", cursor.map { .string($0.description) } ?? .null)
        members.add("messages", .array(messages.map(\.json)))
        members.add("runs", .array(runs.map(\.json)))
        members.add("calls", .array(calls.map(\.json)))
        members.add("approvals", .array(approvals.map(\.json)))
        members.add("entries", .array(entries.map(\.json)))
        members.add("dropped", dropped.json)
        members.add("limits", limits.json)
        return members.json
    }

    /// Reads a state that was written as ``json``. Unknown members are skipped.
    ///
    /// - Throws: ``WireError`` with the path to the fault; `event.invalid_value` at `$.format` for a state of another
    ///   version, which is to be folded anew.
    public init(json: JSONValue) throws(WireError) {
        var reader = try MemberReader(json, path: "$")
        let format = try reader.integer("format", from: 1)
        guard format == Self.format else {
            throw reader.invalid("format", "this version reads states of the format \(Self.format), not \(format)")
        }
        let cursor = try Self.cursor(in: &reader)
        messages = try reader.objects("messages") { element throws(WireError) in try Message(from: &element) }
        runs = try reader.objects("runs") { element throws(WireError) in try Run(from: &element) }
        calls = try reader.objects("calls") { element throws(WireError) in try Call(from: &element) }
        approvals = try reader.objects("approvals") { element throws(WireError) in try Approval(from: &element) }
        entries = try reader.objects("entries") { element throws(WireError) in try Entry(from: &element) }
        var dropped = try reader.object("dropped")
        self.dropped = try Dropped(from: &dropped)
        var limits = try reader.object("limits")
        self.limits = try Limits(from: &limits)
        self.cursor = cursor
        for message in messages where message.isComplete { completeMessages.add(message.byteCount) }
        for run in runs.prefix(while: \.status.isEnd) { endedRuns.add(run.byteCount) }
        for entry in entries { allEntries.add(entry.byteCount) }
        guard !runs[endedRuns.count...].contains(where: \.status.isEnd) else {
            throw reader.invalid("runs", "the runs that have ended must stand before the open ones")
        }
    }

    private static func cursor(in reader: inout MemberReader) throws(WireError) -> Cursor? {
        switch try reader.required("cursor") {
        case .null:
            return nil
        case .string(let text):
            guard let cursor = Cursor(text) else {
                throw WireError(
                    .invalidIdentifier, path: "$.cursor", "a cursor is two numbers from 1, joined by a hyphen: 3-42")
            }
            return cursor
        case .bool, .number, .unpairedString, .array, .object:
            throw WireError(.wrongType, path: "$.cursor", "a cursor or null is expected here")
        }
    }
}

extension ThreadState.Dropped {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("messages", messages)
        members.add("runs", runs)
        members.add("entries", entries)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        messages = Int(try reader.integer("messages", from: 0))
        runs = Int(try reader.integer("runs", from: 0))
        entries = Int(try reader.integer("entries", from: 0))
    }
}

extension ThreadState.Limits {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("message_count", messageCount)
        members.add("message_bytes", messageByteCount)
        members.add("run_count", runCount)
        members.add("run_bytes", runByteCount)
        members.add("entry_count", entryCount)
        members.add("entry_bytes", entryByteCount)
        members.add("thought_bytes", thoughtByteCount)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        messageCount = Int(try reader.integer("message_count", from: 1))
        messageByteCount = Int(try reader.integer("message_bytes", from: 0))
        runCount = Int(try reader.integer("run_count", from: 1))
        runByteCount = Int(try reader.integer("run_bytes", from: 0))
        entryCount = Int(try reader.integer("entry_count", from: 1))
        entryByteCount = Int(try reader.integer("entry_bytes", from: 0))
        thoughtByteCount = Int(try reader.integer("thought_bytes", from: 0))
    }
}
