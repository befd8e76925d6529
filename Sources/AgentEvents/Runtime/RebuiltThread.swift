/// A thread's state as a context needs it, rebuilt from the tail of the log.
struct RebuiltThread: Sendable {
    var machine: ThreadStateMachine
    var lastSequence: UInt64
    var lastTime: Timestamp

    /// A thread without events.
    init(_ configuration: RuntimeConfiguration) {
        machine = ThreadStateMachine(
            policy: configuration.orderPolicy, maximumMessageByteCount: configuration.maximumMessageByteCount,
            idleMilliseconds: configuration.emittedRunTimeoutMilliseconds)
        lastSequence = 0
        lastTime = Timestamp(milliseconds: .min)
    }

    /// Reads the thread from the first event of its oldest open run on, or only its last event when no run is open. A
    /// thread whose events were all trimmed goes on with its numbers.
    init(
        _ record: ThreadRecord,
        of thread: ThreadID,
        log: any EventLog,
        _ configuration: RuntimeConfiguration
    ) async throws(EventLogError) {
        machine = ThreadStateMachine(
            policy: configuration.orderPolicy, usedRuns: record.runs,
            maximumMessageByteCount: configuration.maximumMessageByteCount,
            idleMilliseconds: configuration.emittedRunTimeoutMilliseconds)
        var hosts: [RunID: RunHost] = [:]
        for open in record.openRuns { hosts[open.run] = open.host }
        lastSequence = record.head.sequence
        lastTime = Timestamp(milliseconds: .min)
        var after = (record.firstOpenSequence ?? record.head.sequence) - 1
        while after < record.head.sequence {
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            guard let last = page.events.last else {
                // Events of an open run are never trimmed; without one, everything may be.
                if record.firstOpenSequence == nil, record.isEmpty || page.skipsTrimmed { return }
                throw EventLogError(.corrupt, "thread \(thread) ends at \(after) and should end at \(record.head)")
            }
            for stored in page.events {
                do throws(WireError) {
                    let event = try EventDecoder.decode(stored.bytes)
                    // Of a run that has ended it does not matter.
                    machine.restore(event, host: event.run.flatMap { hosts[$0] } ?? .process)
                    lastTime = event.time
                } catch {
                    throw EventLogError(.corrupt, "event \(stored.id) of thread \(thread) is unreadable", cause: error)
                }
            }
            after = last.id.sequence
        }
    }
}
