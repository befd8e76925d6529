import AgentEventsPrometheus
import AgentEventsTestSupport
import CoreMetrics
import Foundation
import Testing

@Suite struct PrometheusExporterTests {
    private func exporter(
        _ change: (inout PrometheusExporter.Configuration) -> Void = { _ in }
    ) -> PrometheusExporter {
        var configuration = PrometheusExporter.Configuration()
        change(&configuration)
        return PrometheusExporter(configuration: configuration)
    }

    /// The lines of the text but those of the exporter's own metric.
    private func lines(_ exporter: PrometheusExporter) -> [String] {
        exporter.text().split(separator: "\n").map(String.init).filter {
            !$0.contains("agent_events_metrics_dropped_total")
        }
    }

    private static func example() -> PrometheusExporter {
        var configuration = PrometheusExporter.Configuration()
        configuration.buckets = [0.001, 0.25, 1]
        configuration.help = [
            "example_requests_total": "Requests, by \"route\".\nA second line with a \\.",
            "example_temperature_celsius": "A gauge.", "example_fraction_total": "Fractions.",
            "example_wait_seconds": "A timer.", "example_size_bytes": "A recorder.", "example_level": "A level.",
        ]
        configuration.bucketsByName = ["example_size_bytes": [1024, 1_048_576]]
        let exporter = PrometheusExporter(configuration: configuration)
        let odd = [("route", "a\\b\"c\nd"), ("2nd-label", "ü"), ("route", "not the first")]
        Counter(label: "example_requests_total", dimensions: odd, factory: exporter).increment(by: 3)
        Counter(label: "example_requests_total", dimensions: [("route", "/")], factory: exporter).increment()
        FloatingPointCounter(label: "example_fraction_total", factory: exporter).increment(by: 0.5)
        let meter = Meter(label: "example.temperature-celsius", factory: exporter)
        meter.set(21.5)
        meter.decrement(by: 30)
        Gauge(label: "example_level", factory: exporter).record(Double.infinity)
        let timer = Timer(label: "example_wait_seconds", dimensions: [("le", "mine")], factory: exporter)
        timer.recordNanoseconds(250_000_000)
        timer.recordMilliseconds(2)
        timer.recordSeconds(7)
        Recorder(label: "example_size_bytes", factory: exporter).record(2048)
        return exporter
    }

    @Test func writesTheTextFormat() throws {
        let golden = """
            # HELP agent_events_metrics_dropped_total Series that were not made: over the limit of series, or a metric of another kind under the same name.
            # TYPE agent_events_metrics_dropped_total counter
            agent_events_metrics_dropped_total{reason="kind"} 0
            agent_events_metrics_dropped_total{reason="limit"} 0
            # HELP example_fraction_total Fractions.
            # TYPE example_fraction_total counter
            example_fraction_total 0.5
            # HELP example_level A level.
            # TYPE example_level gauge
            example_level +Inf
            # HELP example_requests_total Requests, by "route".\\nA second line with a \\\\.
            # TYPE example_requests_total counter
            example_requests_total{_2nd_label="ü",route="a\\\\b\\"c\\nd"} 3
            example_requests_total{route="/"} 1
            # HELP example_size_bytes A recorder.
            # TYPE example_size_bytes histogram
            example_size_bytes_bucket{le="1024"} 0
            example_size_bytes_bucket{le="1048576"} 1
            example_size_bytes_bucket{le="+Inf"} 1
            example_size_bytes_sum 2048
            example_size_bytes_count 1
            # HELP example_temperature_celsius A gauge.
            # TYPE example_temperature_celsius gauge
            example_temperature_celsius -8.5
            # HELP example_wait_seconds A timer.
            # TYPE example_wait_seconds histogram
            example_wait_seconds_bucket{le_="mine",le="0.001"} 0
            example_wait_seconds_bucket{le_="mine",le="0.25"} 2
            example_wait_seconds_bucket{le_="mine",le="1"} 2
            example_wait_seconds_bucket{le_="mine",le="+Inf"} 3
            example_wait_seconds_sum{le_="mine"} 7.252
            example_wait_seconds_count{le_="mine"} 3

            """
        #expect(Self.example().text() == golden)
    }

    @Test func oneSeriesForAllWhoNameIt() {
        let exporter = exporter()
        let first = Counter(label: "c_total", dimensions: [("a", "1"), ("b", "2")], factory: exporter)
        let second = Counter(label: "c_total", dimensions: [("b", "2"), ("a", "1")], factory: exporter)
        first.increment()
        second.increment(by: 4)
        FloatingPointCounter(label: "c_total", dimensions: [("a", "1"), ("b", "2")], factory: exporter)
            .increment(by: 0.25)
        #expect(lines(exporter) == ["# TYPE c_total counter", #"c_total{a="1",b="2"} 5.25"#])
    }

    @Test func aSeriesIsForgottenWithTheLastWhoMadeIt() {
        let exporter = exporter()
        let first = Counter(label: "c_total", factory: exporter)
        let second = Counter(label: "c_total", factory: exporter)
        second.increment()
        first.destroy()
        #expect(lines(exporter) == ["# TYPE c_total counter", "c_total 1"])
        second.destroy()
        second.increment()
        #expect(lines(exporter) == [])
        Meter(label: "c_total", factory: exporter).set(2)
        #expect(lines(exporter) == ["# TYPE c_total gauge", "c_total 2"])
    }

    @Test func whatDoesNotCountIsNotCounted() {
        let exporter = exporter { $0.buckets = [1] }
        let counter = Counter(label: "c_total", factory: exporter)
        counter.increment(by: 5)
        counter.increment(by: -2)
        let fractions = FloatingPointCounter(label: "f_total", factory: exporter)
        for amount in [1, -1, Double.nan, .infinity] { fractions.increment(by: amount) }
        let recorder = Recorder(label: "r", factory: exporter)
        recorder.record(Double.nan)
        Timer(label: "r", factory: exporter).recordNanoseconds(-5)
        #expect(
            lines(exporter).filter { !$0.hasPrefix("#") } == [
                "c_total 5", "f_total 1", #"r_bucket{le="1"} 1"#, #"r_bucket{le="+Inf"} 1"#, "r_sum 0", "r_count 1",
            ])
        counter.reset()
        #expect(lines(exporter).contains("c_total 0"))
    }

    @Test func furtherSeriesAreOther() {
        let exporter = exporter { $0.maximumSeriesCount = 2 }
        for number in 1...5 {
            Counter(label: "c_total", dimensions: [("id", "\(number)"), ("k", "x")], factory: exporter).increment()
        }
        Counter(label: "d_total", factory: exporter).increment()
        Counter(label: "c_total", dimensions: [("id", "1"), ("k", "x")], factory: exporter).increment()
        #expect(
            exporter.text().split(separator: "\n").filter { !$0.hasPrefix("#") } == [
                #"agent_events_metrics_dropped_total{reason="kind"} 0"#,
                #"agent_events_metrics_dropped_total{reason="limit"} 4"#,
                #"c_total{id="1",k="x"} 2"#, #"c_total{id="2",k="x"} 1"#, #"c_total{id="other",k="other"} 3"#,
            ])
    }

    @Test func aNameHasOneKind() {
        let exporter = exporter { $0.buckets = [] }
        Counter(label: "a", factory: exporter).increment()
        Meter(label: "a", factory: exporter).set(7)
        Timer(label: "t", factory: exporter).recordSeconds(1)
        Counter(label: "t_count", factory: exporter).increment()
        Counter(label: "u_sum", factory: exporter).increment()
        Timer(label: "u", factory: exporter).recordSeconds(1)
        #expect(
            lines(exporter).filter { !$0.hasPrefix("#") } == [
                "a 1", #"t_bucket{le="+Inf"} 1"#, "t_sum 1", "t_count 1", "u_sum 1",
            ])
        #expect(exporter.text().contains(#"agent_events_metrics_dropped_total{reason="kind"} 3"#))
    }

    @Test func collectorsAreCalledBeforeEachText() {
        let exporter = exporter()
        let counter = Counter(label: "c_total", factory: exporter)
        exporter.addCollector { counter.increment() }
        #expect(lines(exporter).last == "c_total 1")
        #expect(lines(exporter).last == "c_total 2")
    }

    @Test func manyThreadsCountAndMakeAtOnce() async {
        let exporter = exporter()
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for step in 0..<1000 {
                        Counter(label: "c_total", dimensions: [("n", "\(step % 10)")], factory: exporter).increment()
                        FloatingPointCounter(label: "f_total", factory: exporter).increment(by: 0.5)
                        if step % 100 == 0 { _ = exporter.text() }
                    }
                }
            }
        }
        let lines = lines(exporter)
        for digit in 0..<10 { #expect(lines.contains(#"c_total{n="\#(digit)"} 800"#)) }
        #expect(lines.contains("f_total 4000"))
    }

    @Test func theProcessIsMeasured() throws {
        let exporter = exporter { $0.help = ProcessMetrics.help }
        let process = ProcessMetrics(factory: exporter)
        exporter.addCollector(process.update)
        let text = exporter.text()
        for name in ProcessMetrics.help.keys {
            let value = try #require(
                text.split(separator: "\n").last { $0.hasPrefix("\(name) ") }?.split(separator: " ")[1])
            #expect(try #require(Double(value)) > 0, "\(name)")
        }
    }

    /// Debian's promtool, which `make` unpacks; elsewhere this is left to those who have it.
    @Test(.enabled(if: Promtool.path != nil)) func promtoolFindsNothingWrong() throws {
        #expect(try Promtool.check(["check", "metrics"], input: Self.example().text()) == "")
        let wrong = "# TYPE bad counter\nbad 1\n"
        #expect(try Promtool.check(["check", "metrics"], input: wrong) != "")
    }
}
