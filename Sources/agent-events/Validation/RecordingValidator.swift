package import AgentEvents

/// Checks a recording, or events that are to be emitted, line by line: that each can be read, and the order.
package struct RecordingValidator {
    private let policy: OrderPolicy
    private var threads: [String: RecordedThread] = [:]
    /// In the order in which they appeared.
    private var threadNames: [String] = []
    /// How many events could be read.
    package private(set) var eventCount = 0
    /// How many of them are of types that this version does not know.
    package private(set) var unknownCount = 0

    package init(policy: OrderPolicy) { self.policy = policy }

    package var threadCount: Int { threads.count }
    package var runCount: Int { threads.values.reduce(0) { $0 + $1.runCount } }

    /// - Parameter bytes: one line; an empty one is passed over.
    /// - Returns: what is wrong with it.
    package mutating func receive(_ bytes: [UInt8], line: Int) -> [RecordingFault] {
        guard bytes.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { return [] }
        do throws(WireError) {
            let value = try JSONValue(parsing: bytes)
            // What has been accepted has an id; what has not must not have one.
            if value["id"] != nil || value["seq"] != nil {
                let event = try EventDecoder.decode(bytes)
                eventCount += 1
                if case .unknown = event.payload { unknownCount += 1 }
                return change(event.thread.rawValue) { $0.receive(event, line: line) }
            }
            let name = value["thread_id"]?.stringValue ?? "~"
            let thread: ThreadID
            do throws(IdentifierError) {
                thread = try ThreadID(name)
            } catch {
                throw WireError(.invalidIdentifier, path: "$.thread_id", error.message)
            }
            let draft = try EventDecoder.decodeDraft(value, path: "$", thread: thread)
            eventCount += 1
            return change(name) { $0.receive(draft, line: line) }
        } catch {
            return [RecordingFault(line: line, rule: error.code.description, message: error.message)]
        }
    }

    private mutating func change(
        _ name: String,
        _ body: (inout RecordedThread) -> [RecordingFault]
    ) -> [RecordingFault] {
        if threads[name] == nil { threadNames.append(name) }
        return body(&threads[name, default: RecordedThread(policy: policy)])
    }

    /// - Returns: what is missing at the end.
    package mutating func finish() -> [RecordingFault] {
        var faults: [RecordingFault] = []
        for name in threadNames { faults += change(name) { $0.finish() } }
        return faults
    }
}
