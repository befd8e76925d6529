import AgentEvents
import AgentEventsProtocol
import NIOCore

@testable import AgentEventsHub

/// A transport that does whatever the contract leaves open, and some of what it forbids. Confined to its event loop.
final class HostileTransport: PingingTransport {
    let framing: StreamFraming
    /// Asked each time: it need not be the same twice.
    var writable: () -> Bool = { true }
    /// Called within each write.
    var onWrite: () -> Void = {}
    /// How many messages, and other calls, there were.
    private(set) var messages: [JSONValue] = []
    private(set) var pingCount = 0
    private(set) var isReading = true
    private(set) var close: StreamCloseCode?
    private(set) var closeReason: String?
    /// Everything that was asked or told after the close.
    private(set) var callsAfterClose: [String] = []
    private(set) var writtenByteCount = 0

    init(framing: StreamFraming = .lengthPrefixed) { self.framing = framing }

    private func note(_ call: String) {
        if close != nil { callsAfterClose.append(call) }
    }

    var isWritable: Bool {
        note("isWritable")
        return writable()
    }

    var pendingByteCount: Int {
        note("pendingByteCount")
        return 0
    }

    func write(_ messages: ByteBuffer) {
        note("write")
        writtenByteCount += messages.readableBytes
        var messages = messages
        while let length = messages.readInteger(as: UInt32.self), let bytes = messages.readBytes(length: Int(length)) {
            self.messages.append((try? JSONValue(parsing: bytes)) ?? "malformed")
        }
        onWrite()
    }

    func flush() { note("flush") }

    func ping() -> Int {
        note("ping")
        pingCount += 1
        return 2
    }

    func setReading(_ isEnabled: Bool) {
        note("setReading")
        isReading = isEnabled
    }

    func close(_ code: StreamCloseCode, reason: String) {
        note("close")
        close = code
        closeReason = reason
    }

    /// The numbers of the events written, in their order.
    var sequences: [Int64] { messages.compactMap { $0["seq"]?.integerValue } }
    /// What was written besides events.
    var operations: [String] { messages.compactMap { $0["op"]?.stringValue } }
}
