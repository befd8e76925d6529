/// What other programs send most, read in one pass without a tree: an `emit` of fragments and of custom events, in their plain form.
///
/// It is a short cut, and has no rule of its own: what it reads is what the reading of trees reads. Whatever is not plain (another op
/// or type, an order of members in which the kind comes late, a `null`, an escape in an id) and every fault is left to that, which has
/// the errors.
package struct PlainEmit {
    /// The member `req`: a string or a number.
    package var tag: JSONValue?
    package var thread: ThreadID
    package var user: UserID?
    package var lease: LeaseID?
    package var key: IdempotencyKey?
    /// At least one.
    package var drafts: [EventDraft]

    /// - Parameter maximumBatchEvents: how many events a request may have.
    /// - Returns: `nil` for what is to be read as a tree.
    package init?(_ bytes: UnsafeRawBufferPointer, maximumBatchEvents: Int) {
        let read = bytes.withMemoryRebound(to: UInt8.self) { buffer -> PlainEmit? in
            guard let base = buffer.baseAddress else { return nil }
            var reader = PlainEmitReader(JSONParser(base: base, end: buffer.count), maximumBatchEvents)
            return reader.message()
        }
        guard let read else { return nil }
        self = read
    }

    fileprivate init(thread: ThreadID, drafts: [EventDraft]) {
        self.thread = thread
        self.drafts = drafts
    }
}

/// `nil` of any of its methods means that the message is to be read as a tree.
private struct PlainEmitReader {
    private var parser: JSONParser
    private let maximumBatchEvents: Int
    /// What has been read of the members that each stand in the message once.
    private var tag: JSONValue?
    private var thread: ThreadID?
    private var user: UserID?
    private var lease: LeaseID?
    private var key: IdempotencyKey?
    private var drafts: [EventDraft] = []

    init(_ parser: JSONParser, _ maximumBatchEvents: Int) {
        self.parser = parser
        self.maximumBatchEvents = maximumBatchEvents
    }

    /// `{"op":"emit","req":1,"thread_id":"t_1","events":[…]}`: op comes first.
    mutating func message() -> PlainEmit? {
        guard parser.skipIfNext(ASCII.openBrace), member()?.isText("op") == true,
            parser.plainString()?.isText("emit") == true
        else { return nil }
        while parser.skipIfNext(ASCII.comma) {
            guard let name = member(), read(name) else { return nil }
        }
        guard parser.skipIfNext(ASCII.closeBrace), parser.isAtEnd(), let thread, !drafts.isEmpty else { return nil }
        var emit = PlainEmit(thread: thread, drafts: drafts)
        emit.tag = tag
        emit.user = user
        emit.lease = lease
        emit.key = key
        return emit
    }

    /// The name of the member that comes, and its colon.
    private mutating func member() -> UnsafeBufferPointer<UInt8>? {
        guard let name = parser.plainString(), parser.skipIfNext(ASCII.colon) else { return nil }
        return name
    }

    private mutating func read(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        if name.isText("events") { return drafts.isEmpty && events() }
        if name.isText("req") { return request() }
        if name.isText("thread_id") {
            thread = identifier(unless: thread)
            return thread != nil
        }
        if name.isText("key") {
            key = identifier(unless: key)
            return key != nil
        }
        if name.isText("user_id") {
            user = identifier(unless: user)
            return user != nil
        }
        guard name.isText("lease") else { return false }
        lease = identifier(unless: lease)
        return lease != nil
    }

    private mutating func request() -> Bool {
        guard tag == nil, let value = try? parser.value(depth: 1) else { return false }
        switch value {
        case .string, .number:
            tag = value
            return true
        case .unpairedString, .null, .bool, .array, .object:
            return false
        }
    }

    private mutating func events() -> Bool {
        guard parser.skipIfNext(ASCII.openBracket) else { return false }
        repeat {
            guard drafts.count < maximumBatchEvents, let draft = draft() else { return false }
            drafts.append(draft)
        } while parser.skipIfNext(ASCII.comma)
        return parser.skipIfNext(ASCII.closeBracket)
    }

    /// `{"type":"message_delta","run_id":"r_1","data":{…}}`: the type comes first.
    private mutating func draft() -> EventDraft? {
        guard parser.skipIfNext(ASCII.openBrace), member()?.isText("type") == true, let type = type() else {
            return nil
        }
        var run: RunID?
        var agent: AgentName?
        var payload: EventPayload?
        while parser.skipIfNext(ASCII.comma) {
            guard let name = member() else { return nil }
            if name.isText("data") {
                guard payload == nil, let read = data(of: type) else { return nil }
                payload = read
            } else if name.isText("run_id") {
                run = identifier(unless: run)
                guard run != nil else { return nil }
            } else if name.isText("agent") {
                guard agent == nil, let text = text(), let read = try? AgentName(text) else { return nil }
                agent = read
            } else {
                return nil
            }
        }
        guard parser.skipIfNext(ASCII.closeBrace), let payload else { return nil }
        do throws(WireError) {
            try EnvelopeRule.checkDraft(type, hasRun: run != nil, hasAgent: agent != nil)
        } catch {
            return nil
        }
        return EventDraft(runID: run, agent: agent, payload)
    }

    private mutating func type() -> EventType? {
        guard let name = parser.plainString() else { return nil }
        if name.isText("message_delta") { return .messageDelta }
        if name.isText("custom") { return .custom }
        return name.isText("agent_thinking") ? .agentThinking : nil
    }

    private mutating func data(of type: EventType) -> EventPayload? {
        if type == .custom { return custom() }
        let isMessage = type == .messageDelta
        var message: MessageID?
        var thought: ThoughtID?
        var fragment: String?
        guard parser.skipIfNext(ASCII.openBrace) else { return nil }
        repeat {
            guard let name = member() else { return nil }
            if name.isText("text") {
                guard fragment == nil, let read = text() else { return nil }
                fragment = read
            } else if isMessage, name.isText("message_id") {
                message = identifier(unless: message)
                guard message != nil else { return nil }
            } else if !isMessage, name.isText("thought_id") {
                thought = identifier(unless: thought)
                guard thought != nil else { return nil }
            } else {
                return nil
            }
        } while parser.skipIfNext(ASCII.comma)
        guard parser.skipIfNext(ASCII.closeBrace), let fragment else { return nil }
        if let message { return .messageDelta(MessageDelta(messageID: message, text: fragment)) }
        if let thought { return .agentThinking(AgentThinking(thoughtID: thought, text: fragment)) }
        return nil
    }

    private mutating func custom() -> EventPayload? {
        var name: String?
        var value: JSONValue?
        guard parser.skipIfNext(ASCII.openBrace) else { return nil }
        repeat {
            guard let member = member() else { return nil }
            if member.isText("name") {
                guard name == nil, let read = text() else { return nil }
                name = read
            } else {
                // It stands in the data of an event of the events of the message.
                guard member.isText("value"), value == nil, let read = try? parser.value(depth: 4) else { return nil }
                value = read
            }
        } while parser.skipIfNext(ASCII.comma)
        guard parser.skipIfNext(ASCII.closeBrace), let name, !name.isEmpty, let value else { return nil }
        return .custom(CustomEvent(name: name, value: value))
    }

    /// A string that is whole characters.
    private mutating func text() -> String? {
        guard case .string(let text)? = try? parser.value(depth: 0) else { return nil }
        return text
    }

    /// - Returns: `nil` also when it was read before.
    private mutating func identifier<ID: Identifier>(unless known: ID?) -> ID? {
        guard known == nil, let bytes = parser.plainString(), let text = IdentifierText(bytes),
            !ID.isPathSegment || !text.isDotSegment
        else { return nil }
        return ID(text: text)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether the bytes are those of a name.
    fileprivate func isText(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index] != text.utf8Start[index] { return false }
        return true
    }
}
