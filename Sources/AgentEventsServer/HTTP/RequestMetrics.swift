import AgentEvents
import AgentEventsHub
import CoreMetrics
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Synchronization

/// Counts requests by their route, which is the pattern of a path and never the path itself, and measures how long they take.
struct RequestMetrics<Context: RequestContext>: RouterMiddleware {
    let table: RequestMetricsTable
    let now: @Sendable () -> Duration

    init(hub: AgentEventsHub) {
        table = RequestMetricsTable(factory: hub.metrics)
        now = hub.runtime.environment.monotonicNow
    }

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = now()
        let response = try await next(request, context)
        table.record(
            route: context.endpointPath, method: request.method, status: response.status, duration: now() - start)
        return response
    }
}

/// The handles of the metrics of requests, each made when it is needed first.
final class RequestMetricsTable: Sendable {
    private struct Kind: Hashable {
        var route: String
        var method: String
        var status: Int
    }

    private struct State {
        var counters: [Kind: Counter] = [:]
        var timers: [String: Timer] = [:]
    }

    private let factory: any MetricsFactory
    private let state = Mutex(State())

    init(factory: any MetricsFactory) { self.factory = factory }

    /// - Parameter route: `nil` when there is nothing at the path.
    func record(route: String?, method: HTTPRequest.Method, status: HTTPResponse.Status, duration: Duration) {
        let kind = Kind(
            route: route ?? "none",
            // Clients may send any word.
            method: HTTPInterfaceMethods.all.contains(method) ? method.rawValue : "other", status: status.code)
        let (counter, timer) = state.withLock { state in
            (
                state.counters[kind]
                    ?? Self.add(
                        ServiceMetric.requests.counter(kind.route, kind.method, "\(kind.status)", in: factory), kind,
                        to: &state.counters),
                state.timers[kind.route]
                    ?? Self.add(
                        ServiceMetric.requestDuration.timer(kind.route, in: factory), kind.route, to: &state.timers)
            )
        }
        counter.increment()
        timer.record(duration)
    }

    private static func add<Key: Hashable, Handle>(
        _ handle: Handle,
        _ key: Key,
        to table: inout [Key: Handle]
    ) -> Handle {
        table[key] = handle
        return handle
    }
}
