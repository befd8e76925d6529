import AgentEvents

/// Spans as OTLP has them in JSON: the body of `POST /v1/traces`.
///
/// Ids are hexadecimal, 64-bit integers are strings, values of enumerations are numbers, and names of members are in lower
/// camel case, as the protocol asks for.
package enum OTLPDocument {
    /// The kind of all spans: an operation inside of an application.
    private static let internalKind: Int64 = 1
    private static let errorStatus: Int64 = 2
    /// The flags of a link: it is known whether the other end is in another process, and it is.
    private static let remoteFlags: Int64 = 0x300

    /// - Parameters:
    ///   - service: the name of the service, as it is shown.
    ///   - version: of this program.
    package static func body(of spans: [TraceSpan], service: String, version: String) -> [UInt8] {
        let scope: JSONValue = ["name": "swift-agent-events", "version": .string(version)]
        let resource: JSONValue = [
            "attributes": [
                attribute("service.name", .text(service)), attribute("service.version", .text(version)),
            ]
        ]
        let document: JSONValue = [
            "resourceSpans": [
                ["resource": resource, "scopeSpans": [["scope": scope, "spans": .array(spans.map(json))]]]
            ]
        ]
        return document.encoded()
    }

    private static func json(_ span: TraceSpan) -> JSONValue {
        var members: JSONObject = ["traceId": .string(span.traceID), "spanId": .string(span.spanID)]
        members["parentSpanId"] = span.parentSpanID.map { .string($0) }
        members["name"] = .string(span.name)
        members["kind"] = .integer(internalKind)
        members["startTimeUnixNano"] = .string(nanoseconds(span.start))
        members["endTimeUnixNano"] = .string(nanoseconds(span.end))
        members["attributes"] = .array(span.attributes.map { attribute($0.name, $0.value) })
        if !span.links.isEmpty { members["links"] = .array(span.links.map(json)) }
        members["status"] = span.isError ? ["code": .integer(errorStatus)] : [:]
        return .object(members)
    }

    private static func json(_ link: TraceContext) -> JSONValue {
        var members: JSONObject = ["traceId": .string(link.traceID), "spanId": .string(link.spanID)]
        members["traceState"] = link.tracestate.map { .string($0) }
        members["flags"] = .integer(remoteFlags + (link.isSampled ? 1 : 0))
        return .object(members)
    }

    private static func attribute(_ name: String, _ value: TraceSpan.Attribute.Value) -> JSONValue {
        let json: JSONValue =
            switch value {
            case .text(let text): ["stringValue": .string(text)]
            case .integer(let integer): ["intValue": .string("\(integer)")]
            case .flag(let flag): ["boolValue": .bool(flag)]
            }
        return ["key": .string(name), "value": json]
    }

    /// Unsigned 64 bits, which last from 1970 to 2554.
    private static func nanoseconds(_ time: Timestamp) -> String {
        let (nanoseconds, isOver) = UInt64(max(0, time.milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        return "\(isOver ? .max : nanoseconds)"
    }
}
