import AgentEvents

/// Where a thread's sequence stands: every next event has the next number, or stands for a range that begins with it; the
/// same generation or a later one; and the same time or a later one (I2).
struct SequencePlace: Hashable {
    private(set) var firstSequence: UInt64?
    private(set) var last: EventID?
    private var lastTime: Timestamp?

    struct Problem: Hashable {
        let rule: String
        let message: String
    }

    /// Whether the sequence begins with the thread's first event.
    var isWhole: Bool { firstSequence == 1 }

    mutating func receive(_ event: AgentEvent) -> [Problem] {
        var problems: [Problem] = []
        let first = event.fromSequence ?? event.sequence
        if let last {
            let due = last.sequence + 1
            if first > due {
                problems.append(Problem(rule: "seq.gap", message: "seq \(first) where \(due) was due"))
            } else if first < due {
                problems.append(Problem(rule: "seq.repeated", message: "seq \(first) where \(due) was due"))
            }
            if event.id.generation < last.generation {
                problems.append(
                    Problem(rule: "id.generation", message: "id \(event.id) after \(last): generations only rise"))
            }
        } else {
            firstSequence = first
        }
        // Which types a later version merges is its business.
        if event.fromSequence != nil, let type = event.type, !type.isFragment {
            let message = "\(event.typeName) has a from_seq: only fragments of a message or a thought are merged"
            problems.append(Problem(rule: "seq.merged", message: message))
        }
        if let lastTime, event.time < lastTime {
            problems.append(
                Problem(
                    rule: "time.backwards",
                    message: "time \(event.time.rfc3339) after \(lastTime.rfc3339): it never goes backwards"))
        }
        last = event.id
        lastTime = max(event.time, lastTime ?? event.time)
        return problems
    }
}
