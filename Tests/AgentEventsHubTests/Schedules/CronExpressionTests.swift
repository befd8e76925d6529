import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsHub

@Suite(.timeLimit(.minutes(2))) struct CronExpressionTests {
    static let berlin = "CET-1CEST,M3.5.0,M10.5.0/3"
    static let lordHowe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"

    /// The occurrences of a day or two, as UTC.
    private func occurrences(_ text: String, _ rule: String, from start: String, count: Int) throws -> [String] {
        let expression = try CronExpression(text)
        let zone = try #require(ZoneTail(rule))
        var second = try #require(Timestamp(rfc3339: start)).milliseconds / 1000
        return try (0..<count).map { _ in
            second = try #require(expression.next(after: second, in: zone))
            return String(Timestamp(milliseconds: second * 1000).rfc3339.prefix(16))
        }
    }

    @Test(arguments: [
        ("30 2 * * *", ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]),
        ("0 3 * * *", ["2026-03-28T02:00", "2026-03-29T01:00", "2026-03-30T01:00"]),
        (
            "*/20 2 * * *",
            ["2026-03-28T01:00", "2026-03-28T01:20", "2026-03-28T01:40", "2026-03-29T01:00", "2026-03-30T00:00"]
        ),
    ])
    func aLocalTimeThatDoesNotExistIsTheFirstTimeAfterTheGap(text: String, expected: [String]) throws {
        #expect(try occurrences(text, Self.berlin, from: "2026-03-27T12:00:00Z", count: expected.count) == expected)
    }

    @Test(arguments: [
        ("30 2 * * *", ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),
        ("0 * * * *", nil),
    ])
    func aLocalTimeThatExistsTwiceHappensOnce(text: String, expected: [String]?) throws {
        if let expected {
            #expect(try occurrences(text, Self.berlin, from: "2026-10-23T12:00:00Z", count: expected.count) == expected)
        } else {
            // The hour from 02:00 to 03:00 is there twice, and the second one has none.
            #expect(
                try occurrences(text, Self.berlin, from: "2026-10-24T23:30:00Z", count: 3)
                    == ["2026-10-25T00:00", "2026-10-25T02:00", "2026-10-25T03:00"])
        }
    }

    /// The clocks of Lord Howe are turned by half an hour.
    @Test func halfAnHourIsTurnedOnLordHowe() throws {
        // 4 October 2026, 02:00 becomes 02:30.
        #expect(
            try occurrences("15 2 * * *", Self.lordHowe, from: "2026-10-02T00:00:00Z", count: 3)
                == ["2026-10-02T15:45", "2026-10-03T15:30", "2026-10-04T15:15"])
        // 5 April 2026, 02:00 becomes 01:30.
        #expect(
            try occurrences("45 1 * * *", Self.lordHowe, from: "2026-04-03T00:00:00Z", count: 3)
                == ["2026-04-03T14:45", "2026-04-04T14:45", "2026-04-05T15:15"])
    }

    @Test(arguments: [
        ("@daily", "2026-11-22T00:00"), ("0 9 * * MON-FRI", "2026-11-23T09:00"), ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 13 * FRI", "2026-11-27T00:00"), ("5/20 10 * * *", "2026-11-21T10:05"), ("0 0 * * 7", "2026-11-22T00:00"),
        ("59 23 31 DEC *", "2026-12-31T23:59"), ("*/7 3-4/1 * 1,2 sun", "2027-01-03T03:00"),
        ("0 0 */28 2 mon", "2027-02-01T00:00"),
    ])
    func theNextOccurrenceInUTC(text: String, expected: String) throws {
        // A Saturday.
        #expect(try occurrences(text, "UTC0", from: "2026-11-21T02:00:00Z", count: 1) == [expected])
    }

    @Test(arguments: [
        ("", "five fields"), ("* * * *", "has 4"), ("60 * * * *", "minute has no number 60"),
        ("* 24 * * *", "from 0 to 23"),
        ("* * 0 * *", "day of the month has no number 0"), ("* * * 13 *", "month has no number 13"),
        ("* * * * 8", "day of the week has no number 8"), ("5-1 * * * *", "ends before it begins"),
        ("*/0 * * * *", "step 0"), ("1,,2 * * * *", "empty"), ("1-2-3 * * * *", "more than two"),
        ("+1 * * * *", "no number +1"), ("* * * * FRI-MON", "ends before"), ("@reboot", "@daily"),
        ("0 0 30 2 *", "never come"), ("0 0 L * *", "no number L"), ("1/2/3 * * * *", "two steps"),
        (String(repeating: "1,", count: 200), "at most 256 bytes"),
    ])
    func aFaultSaysWhatWouldBeRight(text: String, part: String) {
        let error = #expect(throws: CronExpression.Fault.self) { try CronExpression(text) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    /// Another way to say it: clocks are watched minute by minute, and each time that they show for the first time, or jump over, counts.
    @Test(arguments: [
        ("Europe/Berlin", berlin, ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"]),
        ("Australia/Lord_Howe", lordHowe, ["2026-04-04T00:00:00Z", "2026-10-03T00:00:00Z"]),
    ])
    func itIsAsIfClocksWereWatched(name: String, rule: String, nights: [String]) throws {
        let zone = try #require(ZoneTail(rule))
        var generator = SeededGenerator(seed: 5)
        for night in nights {
            let start = try #require(Timestamp(rfc3339: night)).milliseconds / 1000
            for _ in 0..<150 {
                let minute = ["*", "*/7", "\(Int.random(in: 0...59, using: &generator))", "15,45"].randomElement(
                    using: &generator)
                let hour = ["*", "2", "1-3", "\(Int.random(in: 0...23, using: &generator))"].randomElement(
                    using: &generator)
                let text = "\(try #require(minute)) \(try #require(hour)) * * *"
                let expression = try CronExpression(text)
                var found: [Int64] = []
                while let next = expression.next(after: found.last ?? start, in: zone), next <= start + 86_400 {
                    found.append(next)
                }
                #expect(found == watched(expression, zone, from: start), "\(text) in \(name)")
            }
        }
    }

    /// The times in the day after a start.
    private func watched(_ expression: CronExpression, _ zone: ZoneTail, from start: Int64) -> [Int64] {
        var shown = start + zone.offset(at: start)
        var found: [Int64] = []
        for second in stride(from: start + 60, through: start + 86_400, by: 60) {
            let local = second + zone.offset(at: second)
            guard local > shown else { continue }
            let isDue = stride(from: shown + 60, through: local, by: 60).contains { passed in
                // In a zone whose clocks are never turned, a time is an occurrence if it comes right after the time before it.
                expression.next(after: passed - 1, in: UTCOnly()) == passed
            }
            if isDue { found.append(second) }
            shown = local
        }
        return found
    }
}
