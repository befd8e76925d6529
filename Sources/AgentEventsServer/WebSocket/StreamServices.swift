import AgentEvents
import Logging

/// What all WebSocket connections of a service share.
struct StreamServices: Sendable {
    let runtime: AgentRuntime
    let delivery: StreamDelivery
    /// Where those who are behind read.
    let pages: ThreadPages
    /// Look-ups and pages.
    let readers: WorkerPool
    /// Look-ups that take a snapshot; these may fold a long thread, or wait for who does.
    let snapshotReaders: WorkerPool
    /// Emissions; these may wait for the log, and must not keep readers waiting.
    let emitters: WorkerPool
    /// What consumers have acknowledged; `nil` when the log has no place for it.
    let consumers: ConsumerAcknowledgements?
    /// The states of threads.
    let snapshots: ThreadSnapshots
    let metrics: StreamMetrics
    let limits: StreamLimits
    let logger: Logger
    let environment: Environment
    let outsideEmitters: OutsideEmitters
}
