import AgentEvents
import AgentEventsTracing
import Foundation
import Testing

@testable import agent_events

/// The settings that say where spans go.
struct TraceOptionsTests {
    private func layered(
        _ commandLine: [String] = [],
        environment: [String: String] = [:],
        file: String = ""
    ) throws -> LayeredSettings {
        try LayeredSettings(
            commandLine: commandLine + ["--config", "f.yaml"], environment: environment, read: { _ in file })
    }

    @Test func theVariablesOfTheStandardStandBelowOurs() throws {
        let standard = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_SERVICE_NAME": "s", "OTEL_TRACES_SAMPLER": "x",
        ]
        let ours = standard.merging(["AGENT_EVENTS_OTLP_ENDPOINT": "http://b:1"]) { $1 }
        let file = "otlp-endpoint: http://c:1"
        let alone = try layered(environment: standard, file: file)
        #expect(alone.arguments == ["--otlp-endpoint=http://a:1", "--otlp-service-name=s"])
        #expect(
            alone.values["otlp-endpoint"]?.origin == .environment(variable: "OTEL_EXPORTER_OTLP_ENDPOINT"))
        #expect(try layered(environment: ours, file: file).arguments.contains("--otlp-endpoint=http://b:1"))
        #expect(try layered(file: file).arguments == ["--otlp-endpoint=http://c:1"])
        // One that is empty counts as none.
        let empty = standard.mapValues { _ in "" }
        #expect(try layered(environment: empty, file: file).arguments == ["--otlp-endpoint=http://c:1"])
        let given = try layered(["--otlp-endpoint", "http://d:1"], environment: standard)
        #expect(given.arguments == ["--otlp-service-name=s"])
        let shown = ShownSettings(given, commandLine: ["--otlp-endpoint", "http://d:1"]).lines(withOrigins: true)
        #expect(shown.contains(#"otlp-endpoint: "http://d:1"  # command line"#), "\(shown)")
        #expect(shown.contains("otlp-service-name: s  # OTEL_SERVICE_NAME"))
    }

    @Test(arguments: [
        (["--otlp-endpoint", "collector:4317"], "http:// or https://"),
        (["--otlp-endpoint", "http://u:hidden@c"], "header authorization"),
        (["--otlp-endpoint", "http://c/?key=hidden"], "no query"), (["--otlp-headers-file", "/x"], "--otlp-endpoint"),
        (["--otlp-endpoint", "http://c", "--otlp-service-name", ""], "1 to 255"),
    ])
    func wrongValuesAreRefusedAndToldWhatWouldBeRight(_ arguments: [String], _ word: String) async throws {
        let outcome = try await Program.run(["config", "check", "--in-memory"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.error.contains(word), "\(outcome.error)")
        #expect(!outcome.error.contains("hidden"))
    }

    @Test func headersThatWouldBeSeenAreRefusedAtTheStart() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("headers", "authorization: Bearer hidden\n")
            try folder.write("wrong", "hidden\n")
            for (name, address, word) in [
                ("headers", "http://collector.example:4318", "https://"), ("wrong", "https://c", "name: value"),
                ("none", "https://c", "cannot be read"),
            ] {
                let options = [
                    "--in-memory", "--otlp-endpoint", address, "--otlp-headers-file", "\(folder.path)/\(name)",
                ]
                let outcome = try await Program.run(["serve", "--port", "0"] + options)
                #expect(outcome.status == 64, "\(outcome.error)")
                #expect(outcome.error.contains(word) && outcome.error.contains(name), "\(outcome.error)")
                let doctor = try await Program.run(["doctor", "--port", "0"] + options)
                #expect(doctor.status == 1)
                #expect(doctor.output.contains(word), "\(doctor.output)")
                #expect(!(outcome.error + doctor.output + doctor.error).contains("hidden"))
            }
        }
    }

    @Test func headersComeFromAFileOrTheVariable() throws {
        var options = TraceOptions()
        options.otlpEndpoint = "https://c"
        options.otlpHeadersFile = nil
        options.otlpServiceName = "s"
        let endpoint = try options.endpoint(["OTEL_EXPORTER_OTLP_HEADERS": "a=1,b=2"])
        #expect(endpoint?.headers.map(\.name) == ["a", "b"])
        #expect(try options.endpoint([:])?.headers.isEmpty == true)
        options.otlpEndpoint = nil
        #expect(try options.endpoint(["OTEL_EXPORTER_OTLP_HEADERS": "a"]) == nil)
    }

    @Test(
        arguments: [
            (4318, true, nil, Finding.Level.good), (4318, false, nil, .warning), (4318, true, "refused", .warning),
            (4317, true, nil, .warning),
        ] as [(Int, Bool, String?, Finding.Level)])
    func theDoctorLooksAtTheCollector(_ port: Int, _ isSafe: Bool, _ error: String?, _ level: Finding.Level) {
        let finding = Diagnosis.collector("http://c:\(port)/v1/traces", port: port, isSafe: isSafe, error: error)
        #expect(finding.level == level)
        #expect(finding.text.contains("http://c:\(port)/v1/traces"))
        #expect((level == .good) == finding.advice.isEmpty)
    }
}
