/// Checks a recording, or events that are to be emitted, line by line: that each can be read, and the order.
public struct RecordingValidator: Sendable {
    private var sequence: EventSequenceCheck
    /// How many events could be read.
    public private(set) var eventCount = 0
    /// How many of them are of types that this version does not know.
    public private(set) var unknownCount = 0

    /// - Parameter policy: how strictly the order of runs is checked.
    public init(policy: OrderPolicy = .standard) { sequence = EventSequenceCheck(policy: policy) }

    /// In how many threads there were events.
    public var threadCount: Int { sequence.threadCount }
    /// How many runs were started.
    public var runCount: Int { sequence.runCount }

    /// The next line.
    ///
    /// - Parameters:
    ///   - bytes: one JSON object; an empty line is passed over.
    ///   - line: the line's number, for the faults.
    /// - Returns: what is wrong with it.
    public mutating func receive(_ bytes: [UInt8], line: Int) -> [SequenceFault] {
        guard bytes.contains(where: { $0 != ASCII.space && $0 != ASCII.tab }) else { return [] }
        do throws(WireError) {
            let value = try JSONValue(parsing: bytes)
            // What has been accepted has an id; what has not must not have one.
            if isSet(value["id"]) || isSet(value["seq"]) {
                let event = try EventDecoder.decode(bytes)
                eventCount += 1
                if case .unknown = event.payload { unknownCount += 1 }
                return sequence.receive(event, at: line)
            }
            let thread: ThreadID
            do throws(IdentifierError) {
                thread = try ThreadID(value["thread_id"]?.stringValue ?? "~")
            } catch {
                throw WireError(.invalidIdentifier, path: "$.thread_id", error.message)
            }
            let draft = try EventDecoder.decodeDraft(value, path: "$", thread: thread)
            eventCount += 1
            return sequence.receive(draft, in: thread, at: line)
        } catch {
            return [SequenceFault(position: line, rule: error.code.description, message: error.message)]
        }
    }

    private func isSet(_ member: JSONValue?) -> Bool { member.map { $0 != .null } ?? false }

    /// - Returns: what is missing at the end: the runs that have none.
    public func finish() -> [SequenceFault] { sequence.finish() }
}
