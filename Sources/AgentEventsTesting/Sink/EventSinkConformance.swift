public import AgentEvents
public import Testing

/// The contract of every sink, as checks for a test.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await EventSinkConformance {
///         let sink = MySink()
///         return .init(sink) { sink.events }
///     }.run()
/// }
/// ```
///
/// Faults are reported as issues of the running test, at the place where the suite was made.
public struct EventSinkConformance: ConformanceSuite {
    /// A sink, and a look at what it has done.
    public struct Subject: Sendable {
        let sink: any EventSink
        let received: (@Sendable () async throws -> [AgentEvent])?

        /// - Parameters:
        ///   - sink: a new sink that has received nothing.
        ///   - received: what it has taken so far, in its order; `nil` for a sink where nobody can tell. Events that it
        ///     was given twice may be there twice.
        public init(_ sink: any EventSink, received: (@Sendable () async throws -> [AgentEvent])? = nil) {
            self.sink = sink
            self.received = received
        }
    }

    /// Makes a sink that has received nothing.
    public typealias Make = @Sendable () async throws -> Subject

    static let subject = "A sink"
    private let make: Make
    let sourceLocation: SourceLocation

    /// - Parameter make: makes a sink that has received nothing; called for each property.
    public init(sourceLocation: SourceLocation = #_sourceLocation, make: @escaping Make) {
        self.make = make
        self.sourceLocation = sourceLocation
    }

    /// Checks all properties, one after the other.
    public func run() async throws {
        try await keepsItsName()
        try await takesBatchesInOrder()
        try await takesEveryKindOfEvent()
        try await takesWhatItWasGivenBefore()
        try await returnsWhenItsTaskIsCancelled()
        try await getsEverythingFromARuntime()
    }

    /// The name is not empty, and stays the same.
    public func keepsItsName() async throws {
        let subject = try await make()
        let name = subject.sink.name
        check(!name.isEmpty, "a sink has a name")
        try await subject.sink.receive(SinkBatch(events: try SinkScript.batch(threads: ["t_1"], from: 1, count: 1)))
        check(subject.sink.name == name, "the name \(name) stays the same, it is now \(subject.sink.name)")
    }

    /// Batches of any size and of several threads are taken, and the order in each thread is kept.
    public func takesBatchesInOrder() async throws {
        let subject = try await make()
        var given: [StoredEvent] = []
        var first: UInt64 = 1
        for count: UInt64 in [1, 2, 500, 1, 40] {
            let batch = try SinkScript.batch(threads: ["t_1", "t_2", "t_3"], from: first, count: count)
            try await subject.sink.receive(SinkBatch(events: batch))
            given += batch
            first += count
        }
        try await checkReceived(given, by: subject, "batches of several threads")
    }

    /// Every type of the catalogue is taken; so is one that this version does not know, and a large event.
    public func takesEveryKindOfEvent() async throws {
        let subject = try await make()
        let events = try SinkScript.everyKind()
        for event in events { try await subject.sink.receive(SinkBatch(events: [event])) }
        try await checkReceived(events, by: subject, "every kind of event")
    }

    /// A batch that was given before is taken again, or passed over; what follows is taken.
    public func takesWhatItWasGivenBefore() async throws {
        let subject = try await make()
        let first = try SinkScript.batch(threads: ["t_1"], from: 1, count: 10)
        let second = try SinkScript.batch(threads: ["t_1"], from: 11, count: 10)
        for batch in [first, first, Array(first.suffix(3)) + second] {
            try await subject.sink.receive(SinkBatch(events: batch))
        }
        try await checkReceived(first + second, by: subject, "what was given twice")
    }

    /// In a cancelled task a batch is taken or refused; it does not keep the task.
    public func returnsWhenItsTaskIsCancelled() async throws {
        let subject = try await make()
        let batch = try SinkScript.batch(threads: ["t_1"], from: 1, count: 10)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Refusing is right as well.
                try? await subject.sink.receive(SinkBatch(events: batch))
            }
            group.cancelAll()
        }
        try await subject.sink.receive(SinkBatch(events: batch))
        try await checkReceived(batch, by: subject, "what was given again after a cancellation")
    }

    /// With a runtime, a sink has received everything when the runtime has ended.
    public func getsEverythingFromARuntime() async throws {
        let subject = try await make()
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, sinks: [subject.sink]) { runtime in
            for thread in [ThreadID("t_1"), "t_2"] {
                try await runtime.withRun(user: "u_1", thread: thread, agent: "guide") { run in
                    for number in 0..<50 { try await run.think("\(number)") }
                }
            }
            try await runtime.flushSinks()
            for state in runtime.sinkStates {
                if case .failed(let error) = state.condition { check(false, "it takes what a runtime gives: \(error)") }
            }
        }
        let page = try await log.read(LogRead(.all(afterOffset: 0), maximumByteCount: .max))
        try await checkReceived(page.events, by: subject, "what a runtime gives")
    }

    // MARK: Pieces of checks

    /// In each thread the events given are there, each for the first time in the order of its numbers.
    private func checkReceived(_ given: [StoredEvent], by subject: Subject, _ what: String) async throws {
        guard let received = subject.received else { return }
        var ids: [ThreadID: [EventID]] = [:]
        var known: Set<Place> = []
        for event in try await received() where known.insert(Place(thread: event.threadID, id: event.id)).inserted {
            ids[event.threadID, default: []].append(event.id)
        }
        for (thread, events) in Dictionary(grouping: given, by: \.thread) {
            let found = ids[thread] ?? []
            check(found.count == events.count, "\(what): \(thread) has \(events.count) events, not \(found.count)")
            for (expected, found) in zip(events, found) where found != expected.id {
                check(false, "\(what): \(found) of \(thread) came where \(expected.id) was due")
                break
            }
        }
        check(ids.count == Set(given.map(\.thread)).count, "\(what): no event of another thread")
    }

    private struct Place: Hashable {
        let thread: ThreadID
        let id: EventID
    }
}
