package import AgentEvents
package import AgentEventsProtocol

/// A question for the threads that a principal may read.
package struct ThreadListRequest: Hashable, Sendable {
    /// The most threads on a page, and how many there are when it is not said.
    package static let limits = (standard: 50, maximum: 100)
    /// The longest text to search for, in bytes.
    package static let maximumTextByteCount = 200

    /// A text that is part of the title or the id; upper and lower case are the same.
    package var text: String?
    package var status: ThreadStatus?
    /// An agent that began runs in the thread.
    package var agent: AgentName?
    /// Only threads below it; `nil` for all.
    package var before: CardPlace?
    package var limit: Int

    /// - Parameter place: where a member is, for errors: `$.`, or nothing.
    package init(
        text: String?,
        status: String?,
        agent: String?,
        before: CardPlace? = nil,
        limit: Int64?,
        code: ProtocolError.Code,
        path: String?
    ) throws(ProtocolError) {
        func invalid(_ member: String, _ message: String) -> ProtocolError {
            ProtocolError(code, "\(member) is \(message)", path: path.map { $0 + member })
        }
        if let text, text.utf8.count > Self.maximumTextByteCount {
            throw invalid("q", "a text of at most \(Self.maximumTextByteCount) bytes")
        }
        var known: ThreadStatus?
        if let status {
            known = ThreadStatus(rawValue: status)
            guard known != nil else {
                let names = ThreadStatus.allCases.map(\.rawValue).joined(separator: ", ")
                throw invalid("status", "one of \(names), and not \(status)")
            }
        }
        var name: AgentName?
        if let agent {
            name = try? AgentName(agent)
            guard name != nil else { throw invalid("agent", "the name of an agent, and not \(agent)") }
        }
        let limit = limit ?? Int64(Self.limits.standard)
        guard (1...Int64(Self.limits.maximum)).contains(limit) else {
            throw invalid("limit", "a number from 1 to \(Self.limits.maximum)")
        }
        self.init(
            text: text.flatMap { $0.isEmpty ? nil : $0 }, status: known, agent: name, before: before, limit: Int(limit))
    }

    package init(
        text: String? = nil,
        status: ThreadStatus? = nil,
        agent: AgentName? = nil,
        before: CardPlace? = nil,
        limit: Int = limits.standard
    ) {
        self.text = text.map { $0.lowercased() }
        self.status = status
        self.agent = agent
        self.before = before
        self.limit = limit
    }

    fileprivate func matches(_ summary: ThreadSummary) -> Bool {
        // No conversation.
        if ContextThread.isReserved(summary.thread) { return false }
        if let status, summary.status != status { return false }
        if let agent, !summary.agents.contains(agent) { return false }
        guard let text else { return true }
        return summary.thread.rawValue.lowercased().contains(text)
            || summary.title?.lowercased().contains(text) ?? false
    }
}

/// A page of the threads that a principal may read.
package struct ThreadListPage: Sendable {
    package var threads: [JSONValue]
    /// The place below which the next page begins; `nil` on the last one.
    package var next: CardPlace?
}

/// Lists the threads that a principal may read, those in which something happened last first.
///
/// **Rights.** The log lists cards for readers: the user of the credentials, the members that they stand for, the threads that they
/// name. Whether the principal may read a thread now is asked of ``ThreadAccess`` for each one that is given, as for a page of
/// its events; what may not be read is passed over, and leaves no trace: not in the page, not in where the next one begins, and
/// not in whether there is a next one.
///
/// **Cost.** A page looks at 1000 cards at most, those of the reader alone, however many threads there are. Where few of them
/// are what was searched for it ends before it is full.
struct ThreadListing: Sendable {
    /// The cards that one page looks at.
    static let maximumLookedCount = 1000
    private static let batchCount = 100

    let directory: ThreadDirectory
    let reading: ThreadReading
    /// Whether members of threads may read them.
    let hasMembers: Bool

    private var access: ThreadAccess { reading.access }
    /// The epoch of access: what was found in another one is not to be given.
    var epoch: UInt64 { access.epoch }

    /// - Throws: ``ProtocolError``: `auth.scope_missing`, `threads.unlisted` for credentials with a prefix of too many threads,
    ///   `threads.behind`, `auth.unavailable`, or why the log cannot be read.
    package func page(_ request: ThreadListRequest, for principal: Principal) async throws -> ThreadListPage {
        try access.checkRevocation(of: principal)
        guard principal.mayAnywhere(.read) else {
            throw ProtocolError(.scopeMissing, "reading takes the scope read")
        }
        try await directory.catchUp()
        while true {
            let epoch = access.epoch
            let page = try await look(request, principal)
            try access.checkRevocation(of: principal)
            // Rights have changed meanwhile: what was found by those of before is not given.
            if access.epoch == epoch { return page }
        }
    }

    private func look(_ request: ThreadListRequest, _ principal: Principal) async throws -> ThreadListPage {
        let readers = readers(for: principal)
        var page = ThreadListPage(threads: [], next: nil)
        guard !readers.isEmpty else { return page }
        var before = request.before
        var lookedCount = 0
        var passed: [ThreadSummary] = []
        var lastGiven: CardPlace?
        while lookedCount < Self.maximumLookedCount {
            let cards = try await cards(CardQuery(readers: readers, before: before, maximumCount: Self.batchCount))
            for card in cards {
                lookedCount += 1
                before = card.place
                guard let summary = ThreadSummary(card) else { continue }
                guard request.matches(summary), let json = try await entry(summary, request, principal) else {
                    passed.append(summary)
                    continue
                }
                guard page.threads.count < request.limit else {
                    page.next = lastGiven
                    return page
                }
                page.threads.append(json)
                lastGiven = card.place
                passed = []
            }
            if cards.count < Self.batchCount { return page }
        }
        // There may be more. The next page begins below a thread that the reader knows of.
        for summary in passed.reversed() where try await read(summary.thread, principal) != nil {
            page.next = summary.card.place
            return page
        }
        page.next = lastGiven
        return page
    }

    private func cards(_ query: CardQuery) async throws(ProtocolError) -> [ThreadCard] {
        do throws(EventLogError) {
            return try await directory.log.list(query)
        } catch {
            guard error.code == .tooLarge else { throw ProtocolError(error, threadID: nil) }
            throw ProtocolError(.threadsUnlisted, "\(error.message) in the credentials")
        }
    }

    // MARK: Readers

    /// Those for whom cards are listed that the principal may read, and maybe some more.
    func readers(for principal: Principal) -> [CardReader] {
        var readers: [CardReader] = []
        switch principal.threads {
        case .own: break
        case .all: return [.everybody]
        case .listed(let allowances):
            for allowance in allowances {
                guard let prefix = allowance.pattern.prefix else {
                    if let thread = try? ThreadID(allowance.pattern.description) { readers.append(.thread(thread)) }
                    continue
                }
                if prefix.isEmpty { return [.everybody] }
                readers.append(.prefix(prefix))
            }
        }
        guard !principal.isLimitedToThreads else { return readers }
        readers.append(.owner(principal.user))
        guard hasMembers else { return readers }
        if let subject = MemberSubject(principal) { readers.append(.member(subject.description)) }
        readers += principal.groups.map { .member(MemberSubject.group($0).description) }
        return readers
    }

    // MARK: Entries

    private func read(_ thread: ThreadID, _ principal: Principal) async throws -> (ThreadRecord, UInt64)? {
        do {
            return try await reading.reading(thread, for: principal) { ($0, $1) }
        } catch let error as ProtocolError
            where [.threadUnknown, .stateUnknownSpace, .threadDeleted].contains(error.code)
        {
            return nil
        }
    }

    /// - Returns: `nil` when the principal may not read the thread, or what it may read is not what was asked for.
    private func entry(
        _ summary: ThreadSummary,
        _ request: ThreadListRequest,
        _ principal: Principal
    ) async throws -> JSONValue? {
        guard let (record, hiddenUpTo) = try await read(summary.thread, principal) else { return nil }
        var visible = summary
        if hiddenUpTo > 0 { visible.hide(upTo: hiddenUpTo) }
        // The log knows best whether a run is open.
        if record.openRuns.isEmpty { visible.openRuns = [:] }
        // Also where nothing is hidden: its last run may have ended since the card was looked at.
        guard request.matches(visible) else { return nil }
        return visible.json(head: record.head, isLimited: hiddenUpTo > 0, showsUser: showsUser(summary, principal))
    }

    /// The user whose thread it is is told to itself, and to those whose credentials name the thread.
    private func showsUser(_ summary: ThreadSummary, _ principal: Principal) -> Bool {
        let isLink = principal.token?.issuer == ShareLink.issuer
        return summary.user == principal.user || !isLink && principal.threads.rights(in: summary.thread).contains(.read)
    }
}

extension ThreadSummary {
    /// Takes out what is of events that are hidden.
    fileprivate mutating func hide(upTo hidden: UInt64) {
        createdAt = nil
        agents = []
        if titleSequence <= hidden { title = nil }
    }

    fileprivate func json(head: EventID, isLimited: Bool, showsUser: Bool) -> JSONValue {
        var json: JSONObject = ["thread_id": .string(thread.rawValue)]
        if showsUser { json["user_id"] = .string(user.rawValue) }
        if let title { json["title"] = .string(title) }
        if let createdAt { json["created_at"] = .string(createdAt.rfc3339) }
        json["updated_at"] = .string(updatedAt.rfc3339)
        json["head"] = .string("\(head)")
        json["status"] = .string(status.rawValue)
        guard !isLimited else { return .object(json) }
        if let lastOutcome { json["last_outcome"] = .string(lastOutcome.rawValue) }
        json["agents"] = .array(agents.map { .string($0.rawValue) })
        json["runs"] = .integer(runCount)
        return .object(json)
    }
}
