public import CoreMetrics
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The metrics of the process itself: `agent_events_process_cpu_seconds_total`, `_resident_memory_bytes`, `_open_fds`,
/// `_max_fds` and `_start_time_seconds`. What the system does not tell is not shown.
public final class ProcessMetrics: Sendable {
    /// The texts that explain the metrics.
    public static let help = [
        "agent_events_process_cpu_seconds_total": "Processor time that the process has used, user and system.",
        "agent_events_process_resident_memory_bytes": "Memory of the process that is in RAM.",
        "agent_events_process_open_fds": "Files and connections that the process has open.",
        "agent_events_process_max_fds": "The largest number of files and connections that it may have open.",
        "agent_events_process_start_time_seconds": "When the metrics of the process began, in seconds since 1970.",
    ]

    private let processorTime: FloatingPointCounter
    private let residentMemory: Meter?
    private let openDescriptors: Meter?
    private let maximumDescriptors: Meter
    /// The processor time that is counted already.
    private let counted = Mutex(0.0)

    public init(factory: any MetricsFactory = MetricsSystem.factory) {
        processorTime = FloatingPointCounter(label: "agent_events_process_cpu_seconds_total", factory: factory)
        residentMemory = Self.residentMemoryByteCount.map { _ in
            Meter(label: "agent_events_process_resident_memory_bytes", factory: factory)
        }
        openDescriptors = Self.openDescriptorCount.map { _ in
            Meter(label: "agent_events_process_open_fds", factory: factory)
        }
        maximumDescriptors = Meter(label: "agent_events_process_max_fds", factory: factory)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        Meter(label: "agent_events_process_start_time_seconds", factory: factory).set(Double(now.tv_sec))
        update()
    }

    /// Asks the system. A ``PrometheusExporter`` calls this before each scrape: `exporter.addCollector(process.update)`.
    public func update() {
        let used = Self.processorSeconds
        let added = counted.withLock { counted in
            defer { counted = max(used, counted) }
            return used - counted
        }
        if added > 0 { processorTime.increment(by: added) }
        if let residentMemory, let count = Self.residentMemoryByteCount { residentMemory.set(count) }
        if let openDescriptors, let count = Self.openDescriptorCount { openDescriptors.set(count) }
        var limit = rlimit()
        #if canImport(Glibc)
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        if result == 0 { maximumDescriptors.set(Double(limit.rlim_cur)) }
    }

    private static var processorSeconds: Double {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static var residentMemoryByteCount: Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static var openDescriptorCount: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // The folder itself, and its two names for folders.
        return max(0, count - 3)
    }
}
