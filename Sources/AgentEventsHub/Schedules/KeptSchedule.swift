package import AgentEvents

/// A schedule as it is stored in its thread, so that it goes with it.
struct KeptSchedule: Hashable, Sendable {
    var schedule: Schedule
    /// Whether the application gives it: the next process has it if it is given again.
    var isGiven: Bool

    init(_ schedule: Schedule, isGiven: Bool) {
        self.schedule = schedule
        self.isGiven = isGiven
    }

    static func name(of key: ScheduleStateMachine.Key) -> String { "\(key.user) \(key.id)" }

    /// - Parameter done: the time up to which its occurrences are done with.
    func stored(done: Timestamp) -> StoredValue {
        var json = schedule.json
        json["user_id"] = .string(schedule.user.rawValue)
        json["done"] = .integer(done.milliseconds)
        json["given"] = .bool(isGiven)
        return StoredValue(
            .schedule, thread: schedule.thread, name: Self.name(of: schedule.key),
            bytes: JSONValue.object(json).encoded())
    }

    /// The value that removes it.
    var removed: StoredValue {
        StoredValue(.schedule, thread: schedule.thread, name: Self.name(of: schedule.key), bytes: nil)
    }

    /// - Returns: the schedule, and the time up to which it is done with; `nil` for bytes that are none of this version.
    static func read(_ bytes: [UInt8]) -> (kept: KeptSchedule, done: Timestamp)? {
        guard let json = try? JSONValue(parsing: bytes), let idText = json["id"]?.stringValue,
            let userText = json["user_id"]?.stringValue, let done = json["done"]?.integerValue,
            let isGiven = json["given"]?.boolValue,
            var members = json.objectValue
        else { return nil }
        for name in ["id", "user_id", "done", "given"] { members[name] = nil }
        guard let id = try? ScheduleID(idText), let user = try? UserID(userText),
            let schedule = try? Schedule(members, id: id, user: user)
        else { return nil }
        return (KeptSchedule(schedule, isGiven: isGiven), Timestamp(milliseconds: done))
    }
}

extension Schedule {
    /// The members that a client may give, in the order of the documentation.
    package static let members = [
        "cron", "zone", "thread_id", "agent", "input", "policy", "catch_up", "catch_up_limit",
    ]

    /// The words on the wire for what is made up for.
    private enum CatchUpWord: String, CaseIterable {
        case latest, none, all
    }

    /// The schedule as clients get and give it.
    package var json: JSONObject {
        var json: JSONObject = [
            "id": .string(id.rawValue), "cron": .string(cron), "zone": .string(zone),
            "thread_id": .string(thread.rawValue),
        ]
        json["agent"] = agent.map { .string($0.rawValue) }
        json["input"] = input
        json["policy"] = policy.map { .string($0.rawValue) }
        switch catchUp {
        case .latest: json["catch_up"] = .string(CatchUpWord.latest.rawValue)
        case .none: json["catch_up"] = .string(CatchUpWord.none.rawValue)
        case .all(let count):
            json["catch_up"] = .string(CatchUpWord.all.rawValue)
            json["catch_up_limit"] = .integer(count)
        }
        return json
    }

    /// Reads the members that a client gives.
    ///
    /// - Throws: `WireError` for a member of the wrong type, ``ScheduleError`` for a value that is not right.
    init(_ object: JSONObject, id: ScheduleID, user: UserID) throws {
        var members = MemberReader(object, path: "$")
        let cron = try members.text("cron")
        let zone = try members.textIfPresent("zone") ?? "UTC"
        let thread: ThreadID = try members.threadID()
        let agent: AgentName? = try members.nameIfPresent("agent")
        let input = members.takePresent("input")
        let policy: ConcurrencyPolicy? = try members.choiceIfPresent("policy")
        let word: CatchUpWord? = try members.choiceIfPresent("catch_up")
        let limit = members.takePresent("catch_up_limit")
        let catchUp: CatchUp
        switch word ?? .latest {
        case .latest: catchUp = .latest
        case .none: catchUp = .none
        case .all:
            guard let count = limit?.integerValue.flatMap({ Int(exactly: $0) }) else {
                throw members.invalid(
                    "catch_up_limit",
                    "with catch_up all, catch_up_limit is a number from 1 to \(Self.maximumCatchUpCount)")
            }
            catchUp = .all(atMost: count)
        }
        if limit != nil, word != .all {
            throw members.invalid("catch_up_limit", "catch_up_limit has no meaning without catch_up all")
        }
        self = try Schedule(
            id, cron, in: zone, user: user, thread: thread, agent: agent, input: input, policy: policy, catchUp: catchUp
        )
    }
}
