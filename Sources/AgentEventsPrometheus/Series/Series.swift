import CoreMetrics
import Synchronization

/// The values of one metric with one set of labels.
protocol Series: AnyObject, Sendable {
    static var kind: SeriesKind { get }

    /// Writes a line for each value.
    func write(_ name: String, _ labels: LabelText, to text: inout String)
}

/// The kinds of metrics that there are.
enum SeriesKind: String, Sendable {
    case counter
    case gauge
    case histogram
}

/// A number that only grows, but for resets.
final class CounterSeries: Series, CounterHandler, FloatingPointCounterHandler {
    static var kind: SeriesKind { .counter }

    /// Apart from the fractions, so that counting whole things is one addition.
    private let whole = Atomic<Int64>(0)
    private let fractions = AtomicDouble()

    func increment(by amount: Int64) {
        if amount > 0 { whole.wrappingAdd(amount, ordering: .relaxed) }
    }

    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { fractions.add(amount) }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fractions.store(0)
    }

    func write(_ name: String, _ labels: LabelText, to text: inout String) {
        let (whole, fractions) = (whole.load(ordering: .relaxed), fractions.value)
        text.appendLine(name, labels, fractions == 0 ? "\(whole)" : TextFormat.number(Double(whole) + fractions))
    }
}

/// A number that goes up and down.
final class GaugeSeries: Series, MeterHandler, RecorderHandler {
    static var kind: SeriesKind { .gauge }

    private let current = AtomicDouble()

    func set(_ value: Int64) { current.store(Double(value)) }
    func set(_ value: Double) { current.store(value) }
    func increment(by amount: Double) { current.add(amount) }
    func decrement(by amount: Double) { current.add(-amount) }
    func record(_ value: Int64) { current.store(Double(value)) }
    func record(_ value: Double) { current.store(value) }

    func write(_ name: String, _ labels: LabelText, to text: inout String) {
        text.appendLine(name, labels, TextFormat.number(current.value))
    }
}

/// Values, counted by their sizes.
final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    static var kind: SeriesKind { .histogram }

    /// A class, since an array holds nothing that cannot be copied.
    private final class Bucket: Sendable {
        let count = Atomic<UInt64>(0)
    }

    private let bounds: [Double]
    /// One for each bound, and the one above all of them.
    private let buckets: [Bucket]
    private let sum = AtomicDouble()

    /// - Parameter bounds: rising.
    init(bounds: [Double]) {
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Bucket() }
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        buckets[place].count.wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    /// A clock that went backwards measured nothing.
    func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration)) / 1_000_000_000) }

    func write(_ name: String, _ labels: LabelText, to text: inout String) {
        // Each bucket is read once, so that the count is that of the last one, whatever is recorded meanwhile.
        var count: UInt64 = 0
        for (place, bucket) in buckets.enumerated() {
            count += bucket.count.load(ordering: .relaxed)
            let bound = place < bounds.count ? TextFormat.number(bounds[place]) : "+Inf"
            text.appendLine("\(name)_bucket", labels.adding("le", bound), "\(count)")
        }
        text.appendLine("\(name)_sum", labels, TextFormat.number(sum.value))
        text.appendLine("\(name)_count", labels, "\(count)")
    }
}
