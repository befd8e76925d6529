import ServiceLifecycle

/// Closed until it is opened, once and for all.
///
/// As a service it holds up, in a group, the services before it: a group shuts them down in reverse, each when the one
/// behind it has ended.
final class Gate: Service {
    private let openings: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (openings, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    /// Returns when the gate is open, or the task is cancelled. One task waits.
    func wait() async { for await _ in openings {} }

    /// May be called several times.
    func open() { continuation.finish() }

    func run() async { await wait() }
}
