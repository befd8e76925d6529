import AgentEvents
import AgentEventsChecks
import Testing

@Suite struct HistoryRecordTests {
    private static let lines = [
        #"{"record":"attempt","attempt":"a","thread_id":"t","user_id":"u","key":"k","events":[{"type":"agent_started","run_id":"r","agent":"g","data":{}},{"type":"agent_completed","run_id":"r","data":{"duration_ms":1}}]}"#,
        #"{"record":"acknowledged","attempt":"a","thread_id":"t","cursors":["1-1","1-2"]}"#,
        #"{"record":"attempt","attempt":"b","thread_id":"t","events":[]}"#,
        #"{"record":"refused","attempt":"b"}"#,
        #"{"record":"subscribed","client":"c","user_id":"u","thread_id":"t","after":null}"#,
        #"{"record":"seen","client":"c","event":"{\"type\":\"agent_started\",\"id\":\"1-1\",\"seq\":1,\"thread_id\":\"t\",\"run_id\":\"r\",\"agent\":\"g\",\"time\":\"2026-11-21T02:10:00.123Z\",\"data\":{}}"}"#,
        #"{"record":"reset","client":"c","thread_id":"t","reason":"trimmed","oldest":"1-2"}"#,
        #"{"record":"seen","client":"c","event":"{\"type\":\"agent_completed\",\"id\":\"1-2\",\"seq\":2,\"thread_id\":\"t\",\"run_id\":\"r\",\"agent\":\"g\",\"time\":\"2026-11-21T02:10:00.123Z\",\"data\":{\"duration_ms\":1}}"}"#,
        #"{"record":"ack","client":"c","thread_id":"t","cursor":"1-2"}"#,
        #"{"record":"reported","client":"c","thread_id":"t","acknowledged":"1-2","sent":"1-2"}"#,
        #"{"record":"subscribed","client":"d","thread_id":"t","after":"1-2"}"#,
        #"{"record":"left","client":"d"}"#,
    ]

    @Test func aHistoryIsReadLineByLine() throws {
        var check = HistoryCheck()
        for (index, line) in Self.lines.enumerated() {
            check.receive(try HistoryRecord(parsing: Array(line.utf8)), at: "\(index + 1)")
        }
        #expect(check.finish().map(\.description) == [])
        #expect(check.recordCount == 12)
        #expect(check.attemptCount == 2)
        #expect(check.clientCount == 2)
    }

    @Test func aFaultNamesTheLine() throws {
        var check = HistoryCheck()
        for (index, line) in Self.lines.enumerated() where index != 5 && index != 6 {
            check.receive(try HistoryRecord(parsing: Array(line.utf8)), at: "h.ndjson:\(index + 1)")
        }
        #expect(
            check.finish().first?.description
                == "h.ndjson:8: seen.gap: client c, thread t, event 1-2: seq 2 where 1 was due")
    }

    @Test(arguments: [
        ("{", "json.syntax"), (#"{"record":"other"}"#, "event.invalid_value"),
        (#"{"record":"seen"}"#, "event.missing_field"),
        (#"{"record":"ack","client":"c","thread_id":"t"}"#, "event.missing_field"),
        (#"{"record":"ack","client":"c","thread_id":"t","cursor":"x"}"#, "event.invalid_value"),
        (#"{"record":"reset","client":"c","thread_id":"t"}"#, "event.missing_field"),
        (#"{"record":"reset","client":"c","thread_id":"t","reason":"x"}"#, "event.invalid_value"),
        (#"{"record":"acknowledged","thread_id":"t","cursors":[1]}"#, "event.invalid_value"),
        (#"{"record":"attempt","attempt":"a","thread_id":"t","events":[{"type":"x"}]}"#, "event.unknown_type"),
    ])
    func whatIsNoRecordIsRefused(line: String, code: String) {
        #expect {
            try HistoryRecord(parsing: Array(line.utf8))
        } throws: { error in
            (error as? WireError)?.code.description == code
        }
    }
}
