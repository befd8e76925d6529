import AgentEvents
import AgentEventsTesting
import Testing

struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (1_795_227_000_123, "2026-11-21T02:10:00.123Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (1_582_934_400_001, "2020-02-29T00:00:00.001Z"),
        ] as [(Int64, String)])
    func theWireFormGoesBothWays(_ milliseconds: Int64, _ text: String) {
        #expect(Timestamp(milliseconds: milliseconds).rfc3339 == text)
        #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        ("2026-11-21T02:10:00Z", "2026-11-21T02:10:00.000Z"), ("2026-11-21t02:10:00.5z", "2026-11-21T02:10:00.500Z"),
        ("2026-11-21T02:10:00.1239999Z", "2026-11-21T02:10:00.123Z"),
        ("2026-11-21T02:10:00+02:30", "2026-11-20T23:40:00.000Z"),
        ("2026-11-21T02:10:00.25-05:00", "2026-11-21T07:10:00.250Z"),
        ("2026-11-21T02:10:00-00:00", "2026-11-21T02:10:00.000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ("2017-01-01T00:59:60.5+01:00", "2016-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
    ])
    func otherFormsOfRFC3339AreRead(_ text: String, _ canonical: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == canonical)
    }

    @Test(arguments: [
        "", "2026", "2026-11-21", "2026-11-21T02:10:00", "2026-11-21 02:10:00Z", "2026-11-21T02:10Z",
        "2026-13-21T02:10:00Z", "2026-00-21T02:10:00Z", "2026-11-31T02:10:00Z", "2026-02-29T02:10:00Z",
        "1900-02-29T00:00:00Z", "2026-11-00T02:10:00Z", "2026-11-21T24:00:00Z", "2026-11-21T02:60:00Z",
        "2026-11-21T02:10:61Z", "2026-11-21T02:10:60Z", "2026-11-21T02:10:00.Z", "2026-11-21T02:10:00.1",
        "2026-11-21T02:10:00,1Z", "2026-11-21T02:10:00+0200", "2026-11-21T02:10:00+24:00", "2026-11-21T02:10:00+02",
        "2026-11-21T02:10:00Zx", "2026-11-21T02:10:00+02:60", "+026-11-21T02:10:00Z", "2026-1a-21T02:10:00Z",
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "２026-11-21T02:10:00Z", "                    ",
        "2026-11-21T02:10:00.", "20261121T021000.000Z.",
    ])
    func whatIsNotRFC3339IsRefused(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: [Int64.min, .max, 253_402_300_800_000, -62_167_219_200_001])
    func aTimeBeyondTheYearsDoesNotTrap(_ milliseconds: Int64) {
        let text = Timestamp(milliseconds: milliseconds).rfc3339
        #expect(Timestamp(rfc3339: text) == nil)
        #expect(text.hasSuffix("Z"))
    }

    @Test(arguments: [11, 12] as [UInt64])
    func everyTimeComesBack(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let all = Timestamp.writable.lowerBound.milliseconds...Timestamp.writable.upperBound.milliseconds
        for _ in 0..<5000 {
            let time = Timestamp(milliseconds: Int64.random(in: all, using: &generator))
            guard Timestamp(rfc3339: time.rfc3339) == time, time.rfc3339.utf8.count == 24 else {
                Issue.record("seed \(seed): \(time.milliseconds) is written \(time.rfc3339)")
                return
            }
        }
    }
}
