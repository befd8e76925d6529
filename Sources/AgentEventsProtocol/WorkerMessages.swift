package import AgentEvents

// What a worker and the service say to each other: a program outside that works for agents of the service.

/// A program outside that offers to work for agents.
package struct WorkerID: Identifier {
    package static var kind: String { "worker id" }
    package let text: IdentifierText
    package init(text: IdentifierText) { self.text = text }
}

/// An offer to work for agents: it takes the place of the one that the connection has made before.
package struct ServeRequest: Hashable, Sendable {
    /// The worker's own name, by which it comes back after its connection was lost.
    package var worker: WorkerID
    package var agents: [AgentName]
    /// The most runs that it works for at a time; 0 for no further ones.
    package var capacity: Int
    /// The end of its runs when it is lost.
    package var restart: RestartMode
    /// The leases that it has, when it comes back; `nil` when it does not.
    package var leases: [LeaseID]?

    package static var maximumCapacity: Int { 10_000 }
    package static var maximumAgentCount: Int { 64 }

    package init(
        worker: WorkerID,
        agents: [AgentName],
        capacity: Int = 1,
        restart: RestartMode = .never,
        leases: [LeaseID]? = nil
    ) {
        self.worker = worker
        self.agents = agents
        self.capacity = capacity
        self.restart = restart
        self.leases = leases
    }
}

extension ServeRequest {
    /// - Throws: ``ProtocolError`` with the path to the fault.
    init(_ members: inout MemberReader) throws(ProtocolError) {
        do throws(WireError) {
            let worker: WorkerID = try members.identifier("worker_id")
            let agents = try Self.agents(&members)
            var capacity: Int64 = 1
            if members.object["capacity"] != nil { capacity = try members.integer("capacity", from: 0) }
            guard capacity <= Int64(Self.maximumCapacity) else {
                throw members.invalid("capacity", "a worker works for at most \(Self.maximumCapacity) runs at a time")
            }
            let restart = try members.wordIfPresent("restart") ?? RestartMode.never.word
            guard let mode = RestartMode(word: restart) else {
                throw members.invalid("restart", "restart is never, again or resume")
            }
            let leases = members.object["leases"] == nil ? nil : try members.leases("leases")
            self.init(worker: worker, agents: agents, capacity: Int(capacity), restart: mode, leases: leases)
        } catch {
            throw ProtocolError(member: error)
        }
    }

    private static func agents(_ members: inout MemberReader) throws(WireError) -> [AgentName] {
        var agents: [AgentName] = []
        for value in try members.array("agents") {
            guard let name = value.stringValue.flatMap({ try? AgentName($0) }) else {
                throw members.invalid("agents", "agents is a list of names of agents")
            }
            if !agents.contains(name) { agents.append(name) }
        }
        guard (1...maximumAgentCount).contains(agents.count) else {
            throw members.invalid("agents", "a worker serves 1 to \(maximumAgentCount) agents")
        }
        return agents
    }

    /// The members in the order of the schema, without `op` and `req`.
    var members: [(String, JSONValue?)] {
        [
            ("worker_id", worker.json), ("agents", .array(agents.map { .string($0.rawValue) })),
            ("capacity", .integer(capacity)), ("restart", .string(restart.word)),
            ("leases", leases.map { .array($0.map(\.json)) }),
        ]
    }
}

extension RestartMode {
    /// As it stands on the wire.
    package var word: String {
        switch self {
        case .never: "never"
        case .again: "again"
        case .resume: "resume"
        }
    }

    /// - Returns: `nil` for another word.
    package init?(word: String) {
        switch word {
        case "never": self = .never
        case "again": self = .again()
        case "resume": self = .resume
        default: return nil
        }
    }
}

/// A run that a worker is offered.
package struct WorkerRun: Hashable, Sendable {
    package var lease: LeaseID
    /// From 1.
    package var attempt: Int
    package var thread: ThreadID
    package var run: RunID
    package var agent: AgentName
    /// The user that the thread belongs to.
    package var user: UserID
    package var prompt: Prompt
    /// The worker is sent the events of the thread from here on; `nil` for all.
    package var after: Cursor?
    /// Whether the run has begun before, and is to be continued by what the log has of it.
    package var isResumed: Bool
    /// The time that the run may work, in milliseconds; `nil` for any.
    package var deadlineMilliseconds: Int64?

    /// The request that the run answers.
    package struct Prompt: Hashable, Sendable {
        package var text: String
        package var data: JSONValue?
        package var message: MessageID
        /// The user who wrote it.
        package var author: UserID

        package init(text: String, data: JSONValue? = nil, message: MessageID, author: UserID) {
            self.text = text
            self.data = data
            self.message = message
            self.author = author
        }
    }

    package init(
        lease: LeaseID,
        attempt: Int = 1,
        thread: ThreadID,
        run: RunID,
        agent: AgentName,
        user: UserID,
        prompt: Prompt,
        after: Cursor?,
        isResumed: Bool = false,
        deadlineMilliseconds: Int64? = nil
    ) {
        self.lease = lease
        self.attempt = attempt
        self.thread = thread
        self.run = run
        self.agent = agent
        self.user = user
        self.prompt = prompt
        self.after = after
        self.isResumed = isResumed
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

extension WorkerRun {
    /// The members in the order of the protocol, without `op`.
    var members: [(String, JSONValue?)] {
        let prompt: [(String, JSONValue?)] = [
            ("text", .string(prompt.text)), ("data", prompt.data), ("message_id", prompt.message.json),
            ("author", prompt.author.json),
        ]
        return [
            ("lease", lease.json), ("attempt", .integer(attempt)), ("thread_id", thread.json), ("run_id", run.json),
            ("agent", .string(agent.rawValue)), ("user_id", user.json),
            ("prompt", .object(JSONObject(present: prompt))), ("after", after.json), ("resume", .bool(isResumed)),
            ("deadline_ms", deadlineMilliseconds.map { .integer($0) }),
        ]
    }

    /// - Throws: ``WireError`` with the path to the fault.
    init(_ members: inout MemberReader) throws(WireError) {
        let lease: LeaseID = try members.identifier("lease")
        let attempt = Int(clamping: try members.integer("attempt", from: 1))
        let thread = try members.threadID()
        let run: RunID = try members.identifier("run_id")
        let agent: AgentName = try members.name("agent")
        let user: UserID = try members.identifier("user_id")
        let prompt = members.object["prompt"]?.objectValue ?? [:]
        guard let message = prompt["message_id"]?.stringValue.flatMap({ try? MessageID($0) }),
            let author = prompt["author"]?.stringValue.flatMap({ try? UserID($0) })
        else { throw members.invalid("prompt", "a prompt has a message_id and an author") }
        self.init(
            lease: lease, attempt: attempt, thread: thread, run: run, agent: agent, user: user,
            prompt: Prompt(
                text: prompt["text"]?.stringValue ?? "", data: prompt["data"], message: message, author: author),
            after: try members.cursorIfPresent("after"), isResumed: try members.boolIfPresent("resume") ?? false,
            deadlineMilliseconds: members.object["deadline_ms"]?.integerValue)
    }
}

/// Why a worker is told to let go of a run.
package enum WorkerCancelReason: String, CaseIterable, Hashable, Sendable {
    /// A person has stopped it, or the service.
    case stopped
    /// Another run has taken its place.
    case superseded
    /// It was not done in time.
    case deadline
    /// The lease is over: the worker was not heard from, or the service stops.
    case lost
}

extension MemberReader {
    mutating func leases(_ name: String) throws(WireError) -> [LeaseID] {
        var leases: [LeaseID] = []
        for value in try array(name) {
            guard let lease = value.stringValue.flatMap({ try? LeaseID($0) }) else {
                throw invalid(name, "\(name) is a list of ids of leases")
            }
            leases.append(lease)
        }
        return leases
    }
}
