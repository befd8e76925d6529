package import AgentEvents
import AgentEventsProtocol

/// A report on a deleted thread: the parts that are gone, and those that are left.
package struct DeletionReport: Sendable {
    var thread: ThreadID
    var deletion: ThreadDeletion
    /// The things that sinks have of it, or may have.
    var sinks: [SinkLeftover]
    /// The backups that have it, the oldest first; `nil` when they cannot be listed.
    var backups: [BackupMark]?
    /// The time of the report.
    var now: Timestamp
    /// The reason why the bytes could not be erased; it is tried again.
    var failure: (any Error)?

    /// Whether the bytes are erased.
    package var isErased: Bool { deletion.erasedAt != nil }

    /// The report without the names of backups, which are for operators.
    var withoutNames: DeletionReport {
        var report = self
        report.backups = backups?.map { BackupMark(name: "", time: $0.time) }
        return report
    }

    private func left(in backup: BackupMark) -> JSONValue {
        var left: JSONObject = ["where": "backups"]
        if !backup.name.isEmpty { left["name"] = .string(backup.name) }
        left["created_at"] = .string(backup.time.rfc3339)
        left["age_seconds"] = .integer(max(0, now.milliseconds - backup.time.milliseconds) / 1000)
        left["what"] = "a copy that was made before it was deleted, until it is removed"
        return .object(left)
    }

    package var json: JSONValue {
        var left: [JSONValue] = []
        if !isErased {
            left.append([
                "where": "log", "what": "the bytes of its events, which nobody can read; they are being removed",
            ])
        }
        left += sinks.map { leftover in
            [
                "where": .string(leftover.reason == .deadLetters ? "dead_letters" : "sink"),
                "name": .string(leftover.sink), "what": .string(leftover.reason.text),
            ]
        }
        left += (backups ?? []).map { self.left(in: $0) }
        if backups == nil {
            left.append(["where": "backups", "what": "those in the folder of backups, which cannot be listed"])
        }
        left.append(["where": "backups", "what": "copies that were made before it was deleted, until they are removed"])
        var members: JSONObject = [
            "thread_id": thread.json,
            "deleted_at": .string(deletion.deletedAt.rfc3339),
            "erased_at": deletion.erasedAt.map { .string($0.rfc3339) } ?? .null,
            "left": .array(left),
        ]
        if let failure { members["failure"] = .string("\((failure as? any CodedError)?.eventCode ?? "error")") }
        return .object(members)
    }
}

/// A report on a deleted user.
package struct UserDeletionReport: Sendable {
    var user: UserID
    var threads: [DeletionReport]
    /// The number of threads of others in which the user was a member; `nil` when nobody can tell.
    var membershipCount: Int?
    /// The number of places that consumers of the user had acknowledged in threads of others; `nil` when nobody can tell.
    var consumerCount: Int?

    /// Whether the bytes of all threads are erased.
    package var isErased: Bool { threads.allSatisfy(\.isErased) }

    package var threadCount: Int { threads.count }

    package var json: JSONValue {
        [
            "user_id": user.json, "threads": .array(threads.map(\.json)),
            "memberships": membershipCount.map { .integer(Int64($0)) } ?? .null,
            "consumers": consumerCount.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}

extension SinkLeftover.Reason {
    fileprivate var text: String {
        switch self {
        case .waiting: "what the sink was given before it was deleted; it is being told"
        case .absent: "what the sink was given before it was deleted; it is told once the service has it again"
        case .passedOn: "what those keep to whom the sink sent it; they are told that it was deleted"
        case .cannotErase: "what the sink wrote before it was deleted, which cannot be taken back"
        case .knowsNothing: "what the sink was given before it was deleted; it cannot be told of that"
        case .deadLetters: "events that the sink refused, in a store that cannot erase them"
        }
    }
}
