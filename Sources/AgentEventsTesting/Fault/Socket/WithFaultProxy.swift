import AgentEvents
import AgentEventsFiles

/// Runs a ``FaultProxy`` on a free port of the loopback interface, for the length of a scope. At its end all connections
/// are closed.
///
/// - Parameters:
///   - port: of the service, on 127.0.0.1.
///   - plan: which connections go wrong, and how.
/// - Throws: ``FaultProxyError`` when there is no port, and what the scope throws.
public func withFaultProxy<Result>(
    to port: Int,
    plan: SocketFaultPlan = SocketFaultPlan(),
    _ body: (FaultProxy) async throws -> Result
) async throws -> Result {
    let wakeUp = try WakeUp()
    defer { wakeUp.shut() }
    let listener = try LoopbackSocket.listening()
    let proxy = FaultProxy(port: listener.port, plan: plan, wakeUp: wakeUp)
    let executor = BlockingExecutor(label: "agent-events.fault-proxy")
    // Begun here and not in a task, which would have to wait for its turn on a pool that may be busy.
    executor.start {
        var loop = ProxyLoop(proxy, servicePort: port, listener: listener, wakeUp: wakeUp)
        loop.run()
    }
    do {
        let result = try await body(proxy)
        await end(proxy, executor)
        return result
    } catch {
        await end(proxy, executor)
        throw error
    }
}

/// Returns when the proxy's thread has closed everything.
private func end(_ proxy: FaultProxy, _ executor: BlockingExecutor) async {
    proxy.end()
    await executor.run {}
}
