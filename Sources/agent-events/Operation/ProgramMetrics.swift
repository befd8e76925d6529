internal import AgentEventsHub
internal import AgentEventsPrometheus
internal import AgentEventsServer
internal import CoreMetrics
internal import Foundation
internal import Synchronization

/// The metrics of the program around its service: which program it is, how its process and its disk are doing, and whether the
/// settings could be read again.
final class ProgramMetrics: Sendable {
    static let version = "unreleased"

    static let buildInfo = ServiceMetric(
        .gauge, "build_info", ["version", "swift"], "1; the labels say which program this is.")
    static let reloads = ServiceMetric(
        .counter, "reloads_total", [], "Times that the settings were read again, and taken.")
    static let freeBytes = ServiceMetric(
        .gauge, "data_free_bytes", [], "Bytes that are free on the disk of the data folder.")
    static let capacity = ServiceMetric(
        .gauge, "data_capacity_bytes", [], "Bytes that the disk of the data folder has.")
    static let all = [buildInfo, reloads, freeBytes, capacity]

    let exporter: PrometheusExporter
    private let process: ProcessMetrics
    private let reloadCounter: Counter
    /// `nil` in memory.
    private let folder: String?
    private let disk: (free: Meter, capacity: Meter)?

    /// - Parameter folder: the data folder; `nil` in memory.
    init(folder: String?) {
        var configuration = PrometheusExporter.Configuration()
        configuration.help = ServiceMetric.help
        for metric in Self.all { configuration.help[metric.name] = metric.help }
        configuration.help.merge(ProcessMetrics.help) { first, _ in first }
        let exporter = PrometheusExporter(configuration: configuration)
        self.exporter = exporter
        self.folder = folder
        process = ProcessMetrics(factory: exporter)
        reloadCounter = Self.reloads.counter(in: exporter)
        Self.buildInfo.meter(Self.version, Self.swiftVersion, in: exporter).set(1)
        disk = folder.map { _ in (Self.freeBytes.meter(in: exporter), Self.capacity.meter(in: exporter)) }
        exporter.addCollector { [weak self] in self?.update() }
    }

    private static var swiftVersion: String {
        #if swift(>=6.4)
            "6.4 or later"
        #elseif swift(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    private func update() {
        process.update()
        guard let folder, let disk, let space = DiskSpace(of: folder) else { return }
        disk.free.set(space.free)
        disk.capacity.set(space.capacity)
    }

    /// Shows how old the keys of tokens are, where they are fetched.
    func showKeyAge(_ age: @escaping @Sendable () -> Duration?) {
        exporter.addCollector { [weak exporter] in
            guard let exporter, let age = age() else { return }
            ServiceMetric.keySetAge.meter(in: exporter).set(age / .seconds(1))
        }
    }

    /// For `GET /metrics`.
    var page: MetricsPage { MetricsPage(contentType: PrometheusExporter.contentType) { self.exporter.text() } }

    func reloaded() { reloadCounter.increment() }
}

/// How much room there is on the disk of a folder.
struct DiskSpace: Hashable {
    /// Bytes that the process may still write.
    let free: Int64
    let capacity: Int64

    init(free: Int64, capacity: Int64) {
        self.free = free
        self.capacity = capacity
    }

    /// - Returns: `nil` when the system does not say, or there is no such folder.
    init?(of folder: String) {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let block = Int64(clamping: status.f_frsize)
        self.init(
            free: Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: block).partialValue,
            capacity: Int64(clamping: status.f_blocks).multipliedReportingOverflow(by: block).partialValue)
    }

    /// The free part, from 0 to 1.
    var freeFraction: Double { capacity > 0 ? Double(free) / Double(capacity) : 0 }
}
