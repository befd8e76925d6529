public import AgentEvents
import Synchronization

/// Something that was done to a service, or tried: by whom, from where, and what. Never with the contents of events, nor with a
/// secret.
public struct AuditEntry: Hashable, Sendable {
    /// Who did it: a user, or a part of the service.
    public var who: String
    /// The address or the listener it came from; `nil` when it came from the machine itself.
    public var from: String?
    /// Dotted and stable: `settings.reloaded`, `auth.refused`, `admin.request`.
    public var what: String
    public var details: JSONObject

    public init(who: String, from: String? = nil, what: String, details: JSONObject = [:]) {
        self.who = who
        self.from = from
        self.what = what
        self.details = details
    }
}

/// Keeps what was done to a service.
public protocol AuditTrail: Sendable {
    /// Keeps an entry. Called from any task, several at a time; it may block for as long as a small write takes, and reports by
    /// itself what it cannot keep.
    func record(_ entry: AuditEntry)
}

/// A chain of entries, each with the hash of the one before: one that is changed, removed or put in between later breaks the chain
/// from there on. What is removed from the end is found by those who have kept a later hash.
///
/// ```
/// (no entry) ──append──> line 1, previous 0…0 ──append──> line 2, previous hash(line 1) ──> …
/// ```
package struct AuditChain: Sendable {
    private static let none = String(repeating: "0", count: 64)

    /// The number of entries.
    package private(set) var count: Int64 = 0
    private var previous = Self.none

    /// An empty chain.
    package init() {}

    /// The chain as it was before one of its lines: for lines whose predecessors are elsewhere. That line is believed.
    ///
    /// - Returns: `nil` when the line is not one of a chain.
    package init?(before line: [UInt8]) {
        guard let value = try? JSONValue(parsing: line), let number = value["seq"]?.integerValue, number > 0,
            let previous = value["previous"]?.stringValue
        else { return nil }
        count = number - 1
        self.previous = previous
    }

    /// Appends an entry.
    ///
    /// - Returns: its line, without a line end.
    package mutating func append(_ entry: AuditEntry, at time: Timestamp) -> [UInt8] {
        var line: JSONObject = [
            "seq": .integer(count + 1), "time": .string(time.rfc3339), "who": .string(entry.who),
        ]
        if let from = entry.from { line["from"] = .string(from) }
        line["what"] = .string(entry.what)
        line["details"] = .object(entry.details)
        line["previous"] = .string(previous)
        let bytes = JSONValue.object(line).encoded()
        accept(bytes)
        return bytes
    }

    /// Takes a line that was written before.
    ///
    /// - Returns: what is wrong with it; `nil` when it continues the chain. The chain continues after it all the same, with the
    ///   number that the line has: what is missing is told once.
    package mutating func check(_ line: [UInt8]) -> String? {
        let (expected, before) = (count + 1, previous)
        accept(line)
        guard let value = try? JSONValue(parsing: line) else { return "it is not JSON" }
        guard let number = value["seq"]?.integerValue, number > 0, number < .max else { return "it has no number" }
        count = number
        switch number - expected {
        case 0: break
        case 1: return "entry \(expected) is missing before it"
        case 2...: return "entries \(expected) to \(number - 1) are missing before it"
        default: return "it has the number \(number), and \(expected) was expected"
        }
        return value["previous"]?.stringValue == before ? nil : "the line before it is not the one that was written"
    }

    private mutating func accept(_ line: [UInt8]) {
        count += 1
        previous = Hexadecimal.text(of: SHA256Hash.hash(line))
    }
}

/// Decides which of many refusals are kept: one a second, with the number of those that were not.
package struct AuditSampling: Sendable {
    private var last: Duration?
    private var skipped: Int64 = 0

    package init() {}

    /// - Parameter now: on a clock that never goes back.
    /// - Returns: how many were skipped since the last one that was kept; `nil` when this one is skipped.
    package mutating func take(at now: Duration) -> Int64? {
        if let last, now - last < .seconds(1) {
            skipped += 1
            return nil
        }
        defer {
            last = now
            skipped = 0
        }
        return skipped
    }
}
