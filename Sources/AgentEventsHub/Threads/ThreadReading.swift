import AgentEvents
import AgentEventsProtocol

/// Reads threads for principals, as far as they may.
struct ThreadReading: Sendable {
    let runtime: AgentRuntime
    let access: ThreadAccess

    /// What is read of a thread for a principal, who may read it also when it is there: whoever has lost the right meanwhile
    /// gets nothing of it.
    ///
    /// - Parameter read: reads, as far as the record goes, nothing of what is hidden. Called again when rights have changed
    ///   meanwhile.
    /// - Throws: ``ProtocolError``: `thread.unknown` for one without events, and for one that may not be read; and what `read`
    ///   throws.
    func reading<Value>(
        _ thread: ThreadID,
        for principal: Principal,
        _ read: (ThreadRecord, _ hiddenUpTo: UInt64) async throws -> Value
    ) async throws -> Value {
        while true {
            let record: ThreadRecord?
            do throws(EventLogError) {
                record = try await runtime.log.thread(thread)
            } catch {
                throw ProtocolError(error, threadID: thread)
            }
            let readable = try await readable(record, thread, for: principal)
            let value = try await read(readable.record, readable.answer.hiddenUpTo)
            try access.checkRevocation(of: principal)
            if access.stands(readable.answer) { return value }
        }
    }

    /// The record as far as the principal may read, and the answer that allows it.
    private func readable(
        _ record: ThreadRecord?,
        _ thread: ThreadID,
        for principal: Principal
    ) async throws(ProtocolError) -> (record: ThreadRecord, answer: RightsAnswer) {
        let answer = try await access.checked(.read, of: thread, owner: record?.user, by: principal)
        guard let record else { throw .unknown(thread) }
        do throws(EventLogError) {
            let visible = try await record.visible(hiddenUpTo: answer.hiddenUpTo) {
                sequence async throws(EventLogError) in
                let read = LogRead(.thread(thread, after: sequence - 1), maximumCount: 1)
                return try await runtime.log.read(read).events.first?.id
            }
            return (visible, answer)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }
}
