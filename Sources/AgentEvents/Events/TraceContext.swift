/// The place in a trace of somebody else from which something was asked for, as W3C Trace Context has it. The spans that
/// are made of a run link to it; they do not continue it, since the run may start long after the request has ended.
///
/// It stands in `user_message` and `agent_started` as `trace`. What is not well formed counts as none, as the standard asks
/// for: nobody is refused because a program between here and there has a fault in its tracing.
public struct TraceContext: Hashable, Sendable {
    /// `00-<id of the trace>-<id of the span>-<flags>`, 55 characters.
    public let traceparent: String
    /// The members that tracing systems add, joined by commas; at most 512 bytes.
    public let tracestate: String?

    /// The most bytes that ``tracestate`` has, and the most members.
    package static let maximumStateByteCount = 512
    private static let maximumStateMemberCount = 32
    private static let byteCount = 55

    /// Reads a header's value. A version that came after 00 is read as far as 00 goes, and has the version 00 from then on.
    ///
    /// - Parameters:
    ///   - traceparent: the value of the header of that name.
    ///   - tracestate: the value of the header of that name; one that is not well formed, or longer than 512 bytes, is left
    ///     out.
    /// - Returns: `nil` when `traceparent` is not well formed: lower-case hexadecimal, ids that are not all zeros, another
    ///   version than ff.
    public init?(traceparent: String, tracestate: String? = nil) {
        let bytes = Array(traceparent.utf8)
        guard bytes.count >= Self.byteCount, bytes[2] == ASCII.minus, bytes[35] == ASCII.minus,
            bytes[52] == ASCII.minus, Self.isHexadecimal(bytes[0..<2]), Self.isID(bytes[3..<35]),
            Self.isID(bytes[36..<52]), Self.isHexadecimal(bytes[53..<55])
        else { return nil }
        let version = bytes[0..<2]
        if version.elementsEqual("ff".utf8) { return nil }
        if version.elementsEqual("00".utf8) {
            guard bytes.count == Self.byteCount else { return nil }
        } else if bytes.count > Self.byteCount, bytes[Self.byteCount] != ASCII.minus {
            return nil
        }
        // Of the flags only the first one has a meaning in the version 00; others are sent as zeros.
        let flags = Self.value(bytes[54]) & 1 == 1 ? "01" : "00"
        self.traceparent = "00" + String(decoding: bytes[2..<53], as: UTF8.self) + flags
        self.tracestate = tracestate.flatMap { Self.checkedState($0) }
    }

    private init(traceparent: String, checked tracestate: String?) {
        self.traceparent = traceparent
        self.tracestate = tracestate
    }

    /// The id of the trace: 32 hexadecimal digits.
    public var traceID: String { String(traceparent.dropFirst(3).prefix(32)) }
    /// The id of the span: 16 hexadecimal digits.
    public var spanID: String { String(traceparent.dropFirst(36).prefix(16)) }
    /// Whether the caller says that it records the trace.
    public var isSampled: Bool { traceparent.hasSuffix("1") }

    /// The same place, of a caller whose word on what is recorded does not count.
    public var unsampled: TraceContext {
        TraceContext(traceparent: String(traceparent.dropLast(2)) + "00", checked: tracestate)
    }

    /// The object that stands on the wire.
    package var json: JSONValue {
        var members: JSONObject = ["traceparent": .string(traceparent)]
        members["tracestate"] = tracestate.map { .string($0) }
        return .object(members)
    }

    // MARK: Checks

    private static func isHexadecimal(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func isID(_ bytes: ArraySlice<UInt8>) -> Bool {
        isHexadecimal(bytes) && bytes.contains { $0 != ASCII.zero }
    }

    private static func value(_ digit: UInt8) -> UInt8 { digit <= 0x39 ? digit - 0x30 : digit - 0x57 }

    /// - Returns: the members without white space around them; `nil` when one is not well formed, or there is none.
    private static func checkedState(_ text: String) -> String? {
        guard text.utf8.count <= maximumStateByteCount else { return nil }
        var keys: Set<[UInt8]> = []
        var members: [String] = []
        for part in text.utf8.split(separator: ASCII.comma) {
            let member = trimmed(part)
            if member.isEmpty { continue }
            let pieces = member.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard pieces.count == 2, isStateKey(pieces[0]), isStateValue(pieces[1]),
                keys.insert(Array(pieces[0])).inserted
            else { return nil }
            members.append(String(decoding: member, as: UTF8.self))
        }
        guard !members.isEmpty, members.count <= maximumStateMemberCount else { return nil }
        return members.joined(separator: ",")
    }

    private static func trimmed(_ part: Substring.UTF8View) -> [UInt8] {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let bytes = part.drop(while: isSpace)
        return Array(bytes.reversed().drop(while: isSpace).reversed())
    }

    /// `vendor` or `tenant@vendor`, of lower-case letters, digits and `_-*/`.
    private static func isStateKey(_ key: ArraySlice<UInt8>) -> Bool {
        let parts = key.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), key.count <= 256 else { return false }
        return parts.allSatisfy { part in
            guard let first = part.first, isLetterOrDigit(first) else { return false }
            return part.allSatisfy { isLetterOrDigit($0) || "_-*/".utf8.contains($0) }
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isStateValue(_ value: ArraySlice<UInt8>) -> Bool {
        guard let last = value.last, value.count <= 256, last != 0x20 else { return false }
        return value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
    }
}

extension EventDraft {
    /// The place in a trace from which the event was asked for; `nil` for none, and for types that have no such member.
    package var trace: TraceContext? {
        switch payload {
        case .agentStarted(let event): event.trace
        case .userMessage(let event): event.trace
        case .agentQueued, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted,
            .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported,
            .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .stateUpdated, .custom,
            .unknown:
            nil
        }
    }

    /// The same event, asked for from another place in a trace. It has no effect on types that have no such member.
    package func traced(_ trace: TraceContext?) -> EventDraft {
        var draft = self
        switch payload {
        case .agentStarted(var event):
            event.trace = trace
            draft.payload = .agentStarted(event)
        case .userMessage(var event):
            event.trace = trace
            draft.payload = .userMessage(event)
        case .agentQueued, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted,
            .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported,
            .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .stateUpdated, .custom,
            .unknown:
            break
        }
        return draft
    }
}
