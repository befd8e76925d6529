import CoreMetrics

/// Counts what the service says of itself: what happens inside of it, and is not seen from outside.
final class ServiceMetrics: MetricsFactory {
    private final class Watched: CounterHandler {
        private let witness: LogWitness
        private let occurrence: Occurrence

        init(_ occurrence: Occurrence, _ witness: LogWitness) {
            self.occurrence = occurrence
            self.witness = witness
        }

        func increment(by amount: Int64) { witness.count(occurrence, Int(amount)) }
        func reset() {}
    }

    /// Counts agents that work on after their runs have ended.
    private final class WatchedMeter: MeterHandler {
        private let witness: LogWitness

        init(_ witness: LogWitness) { self.witness = witness }

        func set(_ value: Int64) {}
        func set(_ value: Double) {}
        func increment(by amount: Double) { witness.count(.bodyStuck) }
        func decrement(by amount: Double) {}
    }

    private static let occurrences: [String: Occurrence] = [
        "agent_events_acknowledged_total": .acknowledgementTaken,
        "agent_events_slow_readers_total": .slowReaderClosed,
        "agent_events_missed_heartbeats_total": .heartbeatMissed,
    ]
    /// By the label `source`.
    private static let pageOccurrences: [String: Occurrence] = ["log": .pageRead, "shared": .pageShared]

    private let witness: LogWitness
    private let others = NOOPMetricsHandler.instance

    init(witness: LogWitness) { self.witness = witness }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let occurrence =
            label == "agent_events_replay_pages_total"
            ? dimensions.first.flatMap { Self.pageOccurrences[$0.1] } : Self.occurrences[label]
        return occurrence.map { Watched($0, witness) } ?? others
    }

    func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { others }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        label == "agent_events_agents_stuck" ? WatchedMeter(witness) : others
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler { others }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { others }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
