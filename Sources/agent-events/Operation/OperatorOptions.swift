internal import AgentEventsServer
internal import ArgumentParser
internal import Logging

/// The options of `serve` for those who run it.
struct OperatorOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The address of the listener for operators: /health, /ready with details, /metrics for Prometheus, /v1/admin. One of "
                + "this machine only, such as 127.0.0.1:8081. Default: none.",
            valueName: "host:port"),
        transform: { text throws in try InternalAddress(parsing: text) })
    var internalListen: InternalAddress?

    @Option(
        help: ArgumentHelp(
            "The address of a listener for GET /metrics and nothing else, for a Prometheus on another machine, such as 0.0.0.0:9464: "
                + "they are for everybody who reaches it. Default: none.",
            valueName: "host:port"),
        transform: { text throws in try InternalAddress(parsing: text, example: ("0.0.0.0", 9464)) })
    var metricsListen: InternalAddress?

    @Option(
        help: ArgumentHelp(
            "The folder in which POST /v1/admin/backups makes backups. On the disk of the data folder they take little room. "
                + "Default: backups in the data folder.", valueName: "folder"))
    var backupFolder: String?

    @Option(
        help: ArgumentHelp(
            "What is logged on standard error: trace to critical. Read again on SIGHUP. Default: notice",
            valueName: "level"),
        transform: { text throws in try Choice.read(text) })
    var logLevel = Logger.Level.notice

    @Option(
        help: ArgumentHelp(
            "How it is logged: lines of text, or a JSON object a line. Default: text", valueName: "text|json"),
        transform: { text throws in try Choice.read(text) })
    var logFormat = LogFormat.text
}

extension InternalAddress {
    /// Reads `127.0.0.1:8081`, `localhost:8081`, `[::1]:8081`.
    ///
    /// - Parameter example: one that suits the listener, for what is said of a text that is no address.
    init(parsing text: String, example: (host: String, port: Int) = ("127.0.0.1", 8081)) throws {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw ValidationError(
                "an address is a host and a port, such as \(example.host):\(example.port); not \(text)")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw ValidationError("an IPv6 address stands in brackets, such as [::1]:8081; not \(text)")
        }
        guard !host.isEmpty else { throw ValidationError("\(text) has no host: \(example.host)\(text)") }
        self.init(host: String(host), port: Int(port))
    }

    /// Whether one that listens here keeps another from listening there.
    func isTaken(with other: InternalAddress) -> Bool {
        guard port == other.port, port != 0 else { return false }
        let hosts = [host.lowercased(), other.host.lowercased()]
        if hosts[0] == hosts[1] { return true }
        // All addresses of this kind. Of a name it is not known here of which kind it is.
        return hosts.contains("0.0.0.0") && hosts.allSatisfy { $0.allSatisfy { $0.isNumber || $0 == "." } }
            || hosts.contains("::") && hosts.allSatisfy { $0.contains(":") }
    }

    /// As it stands in an address for a browser.
    var urlHost: String { host.contains(":") ? "[\(host)]" : host }
}
