import AgentEvents
import Testing
import agent_events

@Suite struct BenchReportTests {
    private static let report = BenchReport(
        "commit, disk", "12 k events/s", "20 k per CPU second", ["events_per_s": 12_000.5, "cpu_us": 50])

    @Test func aProgramReadsTheNumbersUnderTheirNames() throws {
        let json = try JSONValue(parsing: Array(Self.report.json.utf8))
        #expect(json.objectValue?.map(\.key) == ["name", "events_per_s", "cpu_us"])
        #expect(json["name"] == "commit, disk")
        #expect(json["events_per_s"]?.numberValue?.double == 12_000.5)
        #expect(json["cpu_us"]?.numberValue?.double == 50)
    }

    @Test func aPersonReadsTheFigureAndTheNote() {
        #expect(Self.report.text == "commit, disk      12 k events/s  (20 k per CPU second)")
    }
}
