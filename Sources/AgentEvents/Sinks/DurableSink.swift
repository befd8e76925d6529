/// A sink whose place in the log survives restarts.
///
/// ```swift
/// let archive = DurableSink(FileSink(path: "events.ndjson"), deadLetters: DeadLetterFile(path: "refused.ndjson"))
/// let runtime = AgentRuntime(log: log, sinks: [archive])
/// ```
///
/// The runtime stores how far the sink is in the log, which must be a ``StateStore``, and continues there after a
/// restart. The sink sees each event at least once: after a crash, what it took since the offset was last saved comes
/// again, in the same order and the same bytes. (thread, seq) tells a repetition.
///
/// With the offset goes the id of the last event taken. When the log lost that event, as one may with the power that
/// survives only the end of the process, the sink goes back to the last event that both have, and says so
/// (``SinkState/divergedCount``). Then (thread, id) tells new events from those that the log lost.
///
/// A batch that is refused is given again from its first event on, with pauses of up to an hour, and nothing overtakes
/// it; after some attempts it is halved with each further one, so that what is good before a bad event gets through. An
/// event that is refused alone as often and for as long as the policy asks for (20 times and a day) may be a bad one,
/// or the sink may refuse everything. To tell, the sink is given the last event once more that it took, or when there
/// is none the next event of another thread, which comes again in its turn: if it takes that, and refuses the other one
/// again, the event is set aside in the dead letters, and the rest gets through. Without dead letters the sink fails
/// for good instead, and continues with the same event when the runtime is started again (but see
/// ``passesOverRefused``). While a sink refuses everything, or has no other event to be tried with, nothing is set
/// aside. Nothing is passed over in silence.
public struct DurableSink: EventSink {
    /// The place where a sink begins that has no stored offset.
    @nonexhaustive
    public enum Start: Hashable, Sendable {
        /// With the first event committed after the start of the runtime.
        case now
        /// With the first event that the log keeps.
        case beginning
    }

    /// The sink that takes the events.
    public let sink: any EventSink
    /// The name under which the offset is stored. Different sinks of a log have different names; the same sink has the
    /// same name after a restart. At most 256 bytes.
    public let offsetName: String
    /// The place where the sink begins when no offset is stored under its name.
    public let start: Start
    /// The store of events that the sink refuses for good; `nil` when the sink should fail instead.
    public let deadLetters: (any DeadLetterStore)?
    /// Whether a sink without dead letters passes over an event that it refuses for good, in place of failing: the
    /// event counts as set aside, and stays in the log only. Meant for a log that keeps nothing either. Default:
    /// `false`.
    public var passesOverRefused = false
    /// The policy by which a refused batch is given again.
    public var retry = SinkRetryPolicy.patient
    /// The offset is saved at the latest after this number of events. Default: 1000.
    public var savedEventCount = 1000
    /// The offset is saved at the latest this long after an event was taken. Default: 1 second.
    public var savedInterval: Duration = .seconds(1)

    /// - Parameters:
    ///   - sink: takes the events.
    ///   - offsetName: the name under which the offset is stored. Default: the sink's name.
    ///   - start: where the sink begins when no offset is stored. Default: with what is committed from now on.
    ///   - deadLetters: where events go that the sink refuses for good. Default: the sink fails instead.
    public init(
        _ sink: any EventSink,
        offsetName: String? = nil,
        startingFrom start: Start = .now,
        deadLetters: (any DeadLetterStore)? = nil
    ) {
        self.sink = sink
        self.offsetName = offsetName ?? sink.name
        self.start = start
        self.deadLetters = deadLetters
    }

    public var name: String { sink.name }

    public func receive(_ batch: SinkBatch) async throws { try await sink.receive(batch) }
}
