/// A yes that counts for later questions, too: "always allow".
///
/// It comes with a yes to a question about a tool call, and answers the later questions of the thread about calls of the same
/// tool, as far as the one who gave it may answer these. Such an answer is in the log like any other: `approval_requested`, then
/// `approval_resolved` with the decision `approved`, `by` the one who gave it, and `grant` in its data.
///
/// There is one for each tool in a thread; a later one takes its place. It is an entry of the thread's shared state,
/// `grant/<tool>`, with the time at which it ends.
public struct ApprovalGrant: Hashable, Sendable {
    /// The places where a grant counts, by their names on the wire.
    @nonexhaustive
    public enum Scope: String, CaseIterable, Sendable {
        /// In the run that has asked, and in the runs around and below it.
        case run
        /// In the thread.
        case thread
    }

    /// The place where it counts.
    public var scope: Scope
    /// The pattern that the arguments of a call have to fit; `nil` for any. A member of an object fits that of its name,
    /// further members of the arguments do not matter. In a text `*` stands for any characters; any other value fits its
    /// equal.
    public var arguments: JSONValue?
    /// The time for which it counts, from the answer on.
    public var time: Duration

    /// The time for which it counts when none is given: a day.
    public static var usualTime: Duration { .seconds(86_400) }
    /// The longest time for which it counts: thirty days.
    public static var maximumTime: Duration { .seconds(30 * 86_400) }

    public init(_ scope: Scope = .thread, arguments: JSONValue? = nil, for time: Duration = usualTime) {
        self.scope = scope
        self.arguments = arguments
        self.time = time
    }
}

extension ApprovalGrant {
    /// The members on the wire.
    package static let members = ["scope", "arguments", "ttl_ms"]

    /// Reads the member `grant` of an answer.
    package init(_ json: JSONValue, path: String) throws(WireError) {
        var reader = try MemberReader(json, path: path)
        if let other = reader.object.keys.first(where: { !Self.members.contains($0) }) {
            throw WireError(
                .unknownField, path: path + WireError.component(other),
                NearestName.problem(other, kind: "member", of: "a grant", known: Self.members))
        }
        scope = try reader.choiceIfPresent("scope") ?? .thread
        arguments = reader.takePresent("arguments")
        time = Self.usualTime
        let range = 1...Int64(clamping: Self.maximumTime.wholeMilliseconds)
        if let milliseconds = try reader.integerIfPresent("ttl_ms", in: range) { time = .milliseconds(milliseconds) }
    }

    /// As it stands on the wire.
    package var json: JSONValue {
        var members: JSONObject = ["scope": .string(scope.rawValue)]
        members["arguments"] = arguments
        members["ttl_ms"] = .integer(Int64(clamping: time.wholeMilliseconds))
        return .object(members)
    }
}

/// The grants of a thread.
///
/// ```
/// answer with a grant ──> state_updated grant/<tool> ──> given(_:) ──┐
/// question about a call of the tool ── find ──┬── fits: answered     │ one for each tool
///                                             └── else: people do    │
/// revoked ──> state_updated, removed ──> given(_:) ──────────────────┘
/// ```
struct ThreadGrants: Hashable, Sendable {
    struct Grant: Hashable, Sendable {
        var by: UserID
        /// The run without a parent in which it counts; `nil` for the thread.
        var run: RunID?
        var arguments: JSONValue?
        var expiresAt: Timestamp
    }

    private struct Place: Hashable {
        /// The version of the entry, also after its removal.
        var version: Int64
        var grant: Grant?
    }

    /// The beginning of the keys of grants.
    static let keyPrefix = "grant/"

    static func key(of tool: ToolName) -> String { keyPrefix + tool.rawValue }

    private var places: [String: Place] = [:]

    init() {}

    /// The grants in the state of a thread.
    init(_ entries: [ThreadState.Entry]) {
        for entry in entries where entry.key.hasPrefix(Self.keyPrefix) {
            let grant = entry.expiresAt.flatMap { end in entry.value.flatMap { Grant($0, until: end) } }
            places[entry.key] = Place(version: entry.version, grant: grant)
        }
    }

    /// A change of one of them was logged.
    mutating func apply(_ update: StateUpdated) {
        var grant: Grant?
        if case .value(let value) = update.change, let end = update.expiresAt { grant = Grant(value, until: end) }
        places[update.key] = Place(version: update.version, grant: grant)
    }

    /// The event that gives a grant.
    ///
    /// - Parameter root: the run without a parent that the question belongs to.
    func giving(_ grant: ApprovalGrant, for tool: ToolName, by user: UserID, in root: RunID, at time: Timestamp)
        -> StateUpdated
    {
        let given = Grant(
            by: user, run: grant.scope == .run ? root : nil, arguments: grant.arguments,
            expiresAt: time.advanced(
                byMilliseconds: Int64(clamping: min(grant.time, ApprovalGrant.maximumTime).wholeMilliseconds)))
        return StateUpdated(
            version: nextVersion(of: tool), key: Self.key(of: tool), change: .value(given.json),
            expiresAt: given.expiresAt, by: user)
    }

    /// The event that takes a grant back; `nil` when there is none.
    func revoking(_ tool: ToolName, by user: UserID) -> StateUpdated? {
        guard places[Self.key(of: tool)]?.grant != nil else { return nil }
        return StateUpdated(
            version: nextVersion(of: tool), key: Self.key(of: tool), change: .removed, by: user, reason: "revoked")
    }

    private func nextVersion(of tool: ToolName) -> Int64 {
        let version = places[Self.key(of: tool)]?.version ?? 0
        return version == .max ? .max : version + 1
    }

    /// The answer to a question that is about to be asked; `nil` when people are to answer it.
    ///
    /// - Parameters:
    ///   - arguments: those of the call; `nil` when they are not known.
    ///   - root: the run without a parent that the question belongs to.
    ///   - owner: the user of the thread.
    ///   - hasRight: whether a user has the right to approve in the thread now; `nil` for one whose answers do not count. Asked
    ///     about the one who gave the grant.
    func answer(
        _ request: ApprovalRequested,
        about tool: ToolName,
        _ arguments: JSONValue?,
        in root: RunID,
        owner: UserID,
        at time: Timestamp,
        hasRight: (UserID) -> Bool?
    ) -> ApprovalResolved? {
        let key = Self.key(of: tool)
        // Nobody has filled in a form.
        guard let grant = places[key]?.grant, request.schema == nil, time < grant.expiresAt,
            grant.run == nil || grant.run == root
        else { return nil }
        // As for an answer of theirs now.
        let terms = ApprovalTerms(request) ?? ApprovalTerms()
        guard let hasRight = hasRight(grant.by), terms.allow(grant.by, owner: owner, hasRight: hasRight) else {
            return nil
        }
        if let pattern = grant.arguments {
            guard let arguments, Self.fits(arguments, pattern) else { return nil }
        }
        return ApprovalResolved(
            approvalID: request.approvalID, decision: .approved, by: grant.by, data: ["grant": .string(key)])
    }

    /// Says if arguments fit a pattern.
    static func fits(_ value: JSONValue, _ pattern: JSONValue) -> Bool {
        switch (pattern, value) {
        case (.object(let pattern), .object(let value)):
            return pattern.allSatisfy { name, part in value[name].map { fits($0, part) } ?? false }
        case (.string(let pattern), .string(let text)):
            return fits(Array(text.utf8)[...], Array(pattern.utf8)[...])
        default:
            return value == pattern
        }
    }

    /// The text is gone through once, with one place to return to: it takes no longer than the product of the lengths.
    private static func fits(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        let star = UInt8(ascii: "*")
        var (place, at) = (text.startIndex, pattern.startIndex)
        var retry: (pattern: Int, text: Int)?
        while place < text.endIndex {
            if at < pattern.endIndex, pattern[at] == star {
                at += 1
                retry = (at, place)
            } else if at < pattern.endIndex, pattern[at] == text[place] {
                at += 1
                place += 1
            } else if let known = retry {
                retry = (known.pattern, known.text + 1)
                (at, place) = (known.pattern, known.text + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == star }
    }
}

extension ThreadGrants.Grant {
    /// - Returns: `nil` for a value that is none: it answers nothing.
    init?(_ json: JSONValue, until end: Timestamp) {
        guard let by = json["by"]?.stringValue.flatMap({ try? UserID($0) }),
            let scope = json["scope"]?.stringValue.flatMap({ ApprovalGrant.Scope(rawValue: $0) })
        else { return nil }
        let run = json["run_id"]?.stringValue.flatMap { try? RunID($0) }
        guard (scope == .run) == (run != nil) else { return nil }
        self.init(by: by, run: run, arguments: json["arguments"], expiresAt: end)
    }

    var json: JSONValue {
        let scope: ApprovalGrant.Scope = run == nil ? .thread : .run
        var members: JSONObject = ["scope": .string(scope.rawValue), "by": .string(by.rawValue)]
        members["run_id"] = run.map { .string($0.rawValue) }
        members["arguments"] = arguments
        return .object(members)
    }
}

extension StateUpdated {
    /// Whether the entry is a grant. Only the service writes these; programs that emit may not.
    package var isGrant: Bool { key.hasPrefix(ThreadGrants.keyPrefix) }
}
