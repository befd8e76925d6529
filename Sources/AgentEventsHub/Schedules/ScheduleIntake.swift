package import AgentEvents
package import AgentEventsProtocol

/// Carries out what people ask about their schedules.
///
/// A schedule acts as its user, also when the credentials with which it was made are gone. So nobody makes one but in threads of
/// their own, and credentials that are limited to some threads reach the schedules of these alone.
package struct ScheduleIntake: Sendable {
    let runtime: AgentRuntime
    let access: ThreadAccess
    let schedules: Schedules

    /// Whether the principal may have schedules, before it is known which.
    ///
    /// - Throws: ``ProtocolError`` `auth.scope_missing`, `auth.revoked`.
    package func checkAccess(for principal: Principal) throws(ProtocolError) {
        try access.checkRevocation(of: principal)
        guard !principal.mayAnywhere(.command) else { return }
        throw ProtocolError(.scopeMissing, "schedules take the scope command")
    }

    /// The schedules of the principal's user, by their ids.
    package func all(for principal: Principal) async throws(ProtocolError) -> [ScheduleStatus] {
        try checkAccess(for: principal)
        let all = try await mapped { () async throws(ScheduleError) in try await schedules.all(of: principal.user) }
        return all.filter { reaches(principal, $0.schedule) }
    }

    /// - Throws: ``ProtocolError``, among others `schedule.unknown`.
    package func schedule(_ id: ScheduleID, for principal: Principal) async throws(ProtocolError) -> ScheduleStatus {
        guard let found = try await all(for: principal).first(where: { $0.schedule.id == id }) else {
            throw ProtocolError(.unknown(id))
        }
        return found
    }

    /// Keeps a schedule, and returns when it is stored.
    ///
    /// - Parameter body: its members as JSON.
    /// - Returns: the schedule, and whether it is new.
    /// - Throws: ``ProtocolError``; then nothing has changed.
    package func put(
        _ id: ScheduleID,
        _ body: [UInt8],
        for principal: Principal
    ) async throws(ProtocolError) -> (status: ScheduleStatus, isNew: Bool) {
        let schedule = try Self.decode(body, id, of: principal.user)
        let thread = schedule.thread
        try ThreadAccess.checkScope(of: principal, for: .command, in: thread)
        let owner: UserID?
        do throws(EventLogError) {
            owner = try await runtime.owner(of: thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        try await access.check(.command, of: thread, owner: owner, by: principal)
        guard owner == nil || owner == principal.user else {
            throw ProtocolError(
                .threadForbidden, "the thread is another user's: schedules are for threads of one's own",
                threadID: thread)
        }
        // It is not taken out of a thread that the credentials do not reach.
        let known = try await mapped { () async throws(ScheduleError) in try await schedules.all(of: principal.user) }
            .first { $0.schedule.id == id }
        if let known, !reaches(principal, known.schedule) {
            throw ProtocolError(.scopeMissing, "these credentials do not reach the thread of this schedule")
        }
        try access.checkRevocation(of: principal)
        return try await mapped { () async throws(ScheduleError) in try await schedules.keep(schedule) }
    }

    /// Removes a schedule, and returns when that is stored.
    ///
    /// - Throws: ``ProtocolError``, among others `schedule.unknown`.
    package func remove(_ id: ScheduleID, for principal: Principal) async throws(ProtocolError) {
        _ = try await schedule(id, for: principal)
        try await mapped { () async throws(ScheduleError) in try await schedules.remove(id, of: principal.user) }
    }

    private func reaches(_ principal: Principal, _ schedule: Schedule) -> Bool {
        principal.limit(in: schedule.thread).contains(.command)
    }

    private static func decode(
        _ body: [UInt8],
        _ id: ScheduleID,
        of user: UserID
    ) throws(ProtocolError) -> Schedule {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: body)
        } catch {
            throw ProtocolError(error)
        }
        guard let object = json.objectValue else {
            throw ProtocolError(
                .messageInvalid, "the body is a JSON object with the members cron and thread_id", path: "$")
        }
        try object.checkNames(of: "a schedule", known: Schedule.members)
        do {
            return try Schedule(object, id: id, user: user)
        } catch let error as ScheduleError {
            throw ProtocolError(error)
        } catch let error as WireError {
            throw ProtocolError(member: error)
        } catch {
            preconditionFailure("a schedule is refused by one of these")
        }
    }

    private func mapped<Value>(_ body: () async throws(ScheduleError) -> Value) async throws(ProtocolError) -> Value {
        do throws(ScheduleError) {
            return try await body()
        } catch {
            throw ProtocolError(error)
        }
    }
}

extension ScheduleStatus {
    /// The schedule as clients get it.
    package var json: JSONValue {
        var json = schedule.json
        json["next"] = next.map { .string($0.rfc3339) } ?? .null
        json["done_up_to"] = doneUpTo.map { .string($0.rfc3339) } ?? .null
        json["given"] = .bool(isGiven)
        return .object(json)
    }
}
