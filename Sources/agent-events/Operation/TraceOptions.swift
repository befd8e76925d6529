internal import AgentEvents
internal import AgentEventsTracing
internal import ArgumentParser
internal import Foundation
internal import Logging

/// The options of `serve` that say where spans go.
struct TraceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The address of a collector of OpenTelemetry, such as http://127.0.0.1:4318: spans of runs and tool calls go there, "
                + "without contents, as OTLP in JSON. OTEL_EXPORTER_OTLP_ENDPOINT says it too. Default: none.",
            valueName: "url"))
    var otlpEndpoint: String?

    @Option(
        help: ArgumentHelp(
            "The file with the headers that the collector asks for, each on a line as name: value. "
                + "OTEL_EXPORTER_OTLP_HEADERS says them too. Default: none.",
            valueName: "file"))
    var otlpHeadersFile: String?

    @Option(
        help: ArgumentHelp(
            "The name of the service as collectors show it. OTEL_SERVICE_NAME says it too.", valueName: "name"))
    var otlpServiceName = "agent-events"

    private static let headersVariable = "OTEL_EXPORTER_OTLP_HEADERS"

    func validate() throws {
        guard otlpEndpoint != nil || otlpHeadersFile == nil else {
            throw ValidationError("--otlp-headers-file has no meaning without --otlp-endpoint")
        }
        guard (1...255).contains(otlpServiceName.utf8.count),
            otlpServiceName.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { throw ValidationError("--otlp-service-name is 1 to 255 bytes without control characters") }
        // That of a file is read when it is needed: a reload, or config show, may be by somebody who may not read it.
        if let otlpEndpoint {
            do throws(OTLPError) { _ = try OTLPEndpoint(otlpEndpoint) } catch {
                throw ValidationError("--otlp-endpoint: \(error.message)")
            }
        }
    }

    /// The collector; `nil` for none.
    ///
    /// - Throws: ``OTLPError`` with the place of the setting in its message.
    func endpoint(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(OTLPError) -> OTLPEndpoint? {
        guard let otlpEndpoint else { return nil }
        do throws(OTLPError) {
            return try OTLPEndpoint(otlpEndpoint, headers: try headers(environment))
        } catch {
            let place = otlpHeadersFile.map { "--otlp-headers-file \($0)" } ?? Self.headersVariable
            throw OTLPError(error.code, "\(error.code == .urlInvalid ? "--otlp-endpoint" : place): \(error.message)")
        }
    }

    private func headers(_ environment: [String: String]) throws(OTLPError) -> [OTLPEndpoint.Header] {
        guard let otlpHeadersFile else {
            return try OTLPEndpoint.headers(in: environment[Self.headersVariable] ?? "")
        }
        guard let data = FileManager.default.contents(atPath: otlpHeadersFile) else {
            throw OTLPError(.headersInvalid, "the file cannot be read: give this user the right to read it")
        }
        return try OTLPEndpoint.headers(in: String(decoding: data, as: UTF8.self))
    }

    /// The sink that makes spans, if there is a collector for them.
    ///
    /// - Parameter log: that of the service.
    func sinks(reading log: any EventLog, logger: Logger) throws -> [any EventSink] {
        let collector: OTLPEndpoint?
        do throws(OTLPError) { collector = try endpoint() } catch { throw ProgramExit.usage(error.message) }
        guard let endpoint = collector else { return [] }
        let exporter = OTLPExporter(endpoint, serviceName: otlpServiceName, version: ProgramMetrics.version)
        return [TraceSink(exporter, log: log, logger: logger).durable]
    }
}
