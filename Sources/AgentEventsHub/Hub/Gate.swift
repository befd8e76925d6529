import ServiceLifecycle

/// Closed until it is opened, once and for all.
///
/// As a service it holds up, in a group, the services before it: a group shuts them down in reverse, each when the one
/// after it has ended.
package final class Gate: Service {
    private let openings: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    package init() {
        (openings, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    /// Returns when the gate is open, or the task is cancelled. One task waits.
    package func wait() async { for await _ in openings {} }

    /// May be called several times.
    package func open() { continuation.finish() }

    package func run() async { await wait() }
}
