internal import AgentEventsServer
internal import Synchronization

extension ServeCommand {
    /// Says where the service listens.
    func greet(_ port: Int, at configuration: ServiceConfiguration, _ ports: InternalPorts.Numbers) {
        let address = listen.url(port, configuration)
        var text = "listening on \(address.url)"
        if demo.isOn {
            let url = address.url == "http://127.0.0.1:8080" ? "" : " --url \(address.url)"
            text += """

                ask the guide:  curl \(address.curl)-d '{"text":"Where are runs ended?"}' \(address.base)/v1/threads/t_1/messages
                watch it:       agent-events tail t_1 --after start\(url)
                pause it:       agent-events command t_1 pause\(url)
                """
        }
        if let address = operation.metricsListen, let port = ports.metrics {
            text += "\nfor Prometheus: http://\(address.urlHost):\(port)/metrics"
        }
        if let address = operation.internalListen, let port = ports.operators {
            text += "\nfor operators: http://\(address.urlHost):\(port)/metrics"
        }
        // Nobody may be reading this output; the service runs all the same.
        try? StandardOutput.write(text)
    }
}

/// The ports of the listeners beside the public one, once they are known.
final class InternalPorts: Sendable {
    struct Numbers: Sendable {
        var operators: Int?
        var metrics: Int?
    }
    private let numbers = Mutex(Numbers())

    var current: Numbers { numbers.withLock { $0 } }

    func change(_ body: (inout Numbers) -> Void) { numbers.withLock { body(&$0) } }
}
