public import CoreMetrics
import Synchronization

/// A backend of swift-metrics that Prometheus can scrape: keeps the values of all metrics, and writes them in Prometheus'
/// text format.
///
/// ```swift
/// let exporter = PrometheusExporter()
/// MetricsSystem.bootstrap(exporter)
/// router.get("metrics") { _, _ in exporter.text() }        // as PrometheusExporter.contentType
/// ```
///
/// Counters are counters, meters and gauges (recorders that do not aggregate) are gauges, timers and other recorders are
/// histograms with fixed buckets; timers in seconds. To count costs one atomic addition; to make a metric costs a lock and a
/// look-up, so keep what is made. The same label and dimensions give the same values, whoever makes them; they are forgotten
/// when all of those who made them have destroyed them.
///
/// The number of series is bounded: further ones of a metric share one in which each label is `other`, and are counted in
/// `agent_events_metrics_dropped_total`. A metric that is made as two kinds keeps its first; the other one is counted there too,
/// and not written.
public final class PrometheusExporter: MetricsFactory {
    /// The settings of an exporter.
    public struct Configuration: Sendable {
        /// The largest number of series. Default: 10 000.
        public var maximumSeriesCount = 10_000
        /// The upper bounds of the buckets of histograms, rising; the last bucket, without a bound, is added. Default: from 0.5
        /// milliseconds to 10 seconds.
        public var buckets: [Double] = [
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
        ]
        /// Other bounds for the metrics of these names.
        public var bucketsByName: [String: [Double]] = [:]
        /// The texts that explain the metrics of these names.
        public var help: [String: String] = [:]

        public init() {}
    }

    /// The media type of ``text()``.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private let table: Mutex<SeriesTable>
    private let collectors = Mutex<[@Sendable () -> Void]>([])

    public init(configuration: Configuration = Configuration()) {
        table = Mutex(SeriesTable(configuration))
    }

    /// Adds a function that is called before each writing, to bring metrics up to date that are not kept so. It does not
    /// block, and does not ask the exporter for its text.
    public func addCollector(_ collect: @escaping @Sendable () -> Void) {
        collectors.withLock { $0.append(collect) }
    }

    /// All metrics in the text format 0.0.4, sorted by their names and labels.
    public func text() -> String {
        for collect in collectors.withLock({ $0 }) { collect() }
        // Only the list is taken under the lock: whoever makes a metric does not wait for the text.
        return table.withLock { $0.families }.text
    }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        table.withLock { $0.counter(label, dimensions) }
    }

    public func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        table.withLock { $0.counter(label, dimensions) }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        table.withLock { $0.gauge(label, dimensions) }
    }

    public func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        table.withLock { table -> any RecorderHandler in
            aggregate ? table.histogram(label, dimensions) as any RecorderHandler : table.gauge(label, dimensions)
        }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        table.withLock { $0.histogram(label, dimensions) }
    }

    public func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { destroy(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

    private func destroy(_ handler: AnyObject) {
        guard let series = handler as? any Series else { return }
        table.withLock { $0.remove(series) }
    }
}
