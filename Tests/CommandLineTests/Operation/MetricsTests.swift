import AgentEventsHub
import AgentEventsPrometheus
import AgentEventsTestSupport
import Foundation
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@testable import agent_events

/// The metrics of the running program, the board and the alerts.
struct MetricsTests {
    /// Metrics of what is not always there: keys from an address, TLS.
    private static let optional: Set<String> = [
        "agent_events_jwks_age_seconds", "agent_events_certificate_expiry_timestamp_seconds",
    ]

    static func resource(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).pathComponents.prefix { $0 != "Tests" }.joined(separator: "/")
        let path = "\(root)/Sources/AgentEventsServer/AgentEventsServer.docc/Resources/\(name)"
        return try String(contentsOfFile: String(path.dropFirst()), encoding: .utf8)
    }

    /// The metrics that a text names, without the suffixes of histograms.
    private static func names(in text: String) -> Set<String> {
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.filter { $0.hasPrefix("agent_events_") }
        return Set(
            words.map { word in
                for suffix in ["_bucket", "_sum", "_count"] where word.hasSuffix(suffix) {
                    return String(word.dropLast(suffix.count))
                }
                return String(word)
            })
    }

    /// For a Prometheus on another machine. The doctor says what that means.
    @Test func metricsHaveAListenerOfTheirOwn() async throws {
        let words = ["--in-memory", "--port", "0", "--metrics-listen", "0.0.0.0:0"]
        let service = try RunningProgram(["serve"] + words)
        defer { service.send(signal: SIGKILL) }
        let output = try await service.output(containing: "/metrics\n")
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("for Prometheus: http://0.0.0.0:") })
        let port = try #require(line.split(separator: ":").last?.prefix { $0.isNumber })
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/metrics"))
        let (data, _) = try await URLSession.shared.data(from: url)
        #expect(String(decoding: data, as: UTF8.self).contains("agent_events_ready 1\n"))
        service.send(signal: SIGTERM)
        #expect(try await service.outcome().status == 0)
        let doctor = try await Program.run(["doctor"] + words)
        #expect(doctor.status == 0)
        #expect(doctor.output.contains("ok       the metrics are for everybody who reaches 0.0.0.0"), "\(doctor)")
    }

    @Test func everyMetricIsShownAndPromtoolIsContent() async throws {
        try await TemporaryFolder.with { folder in
            let arguments = [
                "--data", "\(folder.path)/data", "--durability", "disk", "--file-sink", "\(folder.path)/events.ndjson",
                "--otlp-endpoint", "http://127.0.0.1:9",
            ]
            try await RunningService.with(arguments) { service in
                let lines = (1...3).map { #"{"type":"custom","data":{"name":"n","value":\#($0)}}"# }
                #expect(try await service.emit(lines, thread: "t_secret").status == 0)
                _ = try await service.events("t_secret")
                let text = try await service.asOperator("/metrics")
                let shown = Self.names(in: text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }.joined())
                let expected = (ServiceMetric.all + ProgramMetrics.all).map(\.name) + ProcessMetrics.help.keys
                for name in expected where !Self.optional.contains(name) {
                    #expect(shown.contains(name), "\(name) is not shown")
                }
                #expect(text.contains(#"agent_events_events_committed_total{type="custom"} 3"# + "\n"), "\(text)")
                #expect(
                    text.contains(#"agent_events_http_requests_total{method="GET",route="/v1/threads/{thread}/events""#)
                        || text.contains(
                            #"agent_events_http_requests_total{method="GET",route="/v1/threads/:thread/events""#),
                    "\(text)")
                #expect(text.contains("agent_events_ready 1\n"))
                // No id is anywhere.
                #expect(!text.contains("t_secret"))
                if Promtool.path != nil {
                    #expect(try Promtool.check(["check", "metrics"], input: text) == "")
                }
                for resource in ["grafana-board.json", "alerts.yaml"] {
                    let used = Self.names(in: try Self.resource(resource))
                    #expect(!used.isEmpty)
                    for name in used.subtracting(Self.optional) {
                        #expect(shown.contains(name), "\(name) of \(resource) is not shown")
                    }
                }
            }
        }
    }

    @Test(.enabled(if: Promtool.path != nil)) func promtoolIsContentWithTheAlerts() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("alerts.yaml", try Self.resource("alerts.yaml"))
            #expect(try Promtool.check(["check", "rules", "\(folder.path)/alerts.yaml"]) == "")
            try folder.write("bad.yaml", "groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]")
            #expect(try Promtool.check(["check", "rules", "\(folder.path)/bad.yaml"]) != "")
        }
    }

    /// The handbook says of each metric and alert what it means.
    @Test func theHandbookHasThemAll() throws {
        let path = "Operating.md"
        let handbook = try Self.resource("../\(path)")
        for metric in ServiceMetric.all + ProgramMetrics.all {
            #expect(handbook.contains("`\(metric.name)`"), "\(metric.name)")
        }
        for line in try Self.resource("alerts.yaml").split(separator: "\n") where line.contains("- alert: ") {
            let name = try #require(line.split(separator: ":").last).drop { $0 == " " }
            #expect(handbook.contains("`\(name)`"), "\(name)")
        }
    }
}
