import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import NIOCore

/// A session of Engine.IO: what waits for its client, and the poll or the WebSocket that takes it. Confined to its event
/// loop, which is that of the WebSocket that began it, or any; a WebSocket of another loop is spoken to by hops.
///
/// ``EngineStateMachine`` decides.
final class EngineSession {
    let sid: String
    let eventLoop: any EventLoop
    let settings: EngineSettings
    private var machine: EngineStateMachine
    private var application: (any EngineApplication)?
    private let onEnd: () -> Void
    /// The packets that wait for a poll, or for the flush of a WebSocket.
    private var packets: [EnginePacket] = []
    private var waitingByteCount = 0
    /// Bytes that a WebSocket was given, and the kernel has not taken.
    private var sentByteCount = 0
    /// The bytes that were ever given to it for the client.
    private(set) var writtenByteCount: UInt64 = 0
    private var poll: (id: Int, promise: EventLoopPromise<PollAnswer>)?
    private var pollCount = 0
    /// A POST that came while the application wanted nothing: it is answered once that has taken it. One before it is answered at once,
    /// and not held until the application wants more: python-engineio forgets to say goodbye while a POST of its own has no answer.
    private var heldPost: (packets: [EnginePacket], promise: EventLoopPromise<Bool>)?
    private var webSocket: MessageWebSocket?
    private(set) var isWritable = true
    private var isReading = true
    private var pingTimer: Scheduled<Void>?
    private var upgradeTimer: Scheduled<Void>?
    private var noopTimer: Scheduled<Void>?
    private var closeTimer: Scheduled<Void>?

    enum PollAnswer: Sendable {
        case packets(ByteBuffer)
        case refused
        /// The session has ended, and the client is to come back. The packet `close` would not say so: python-engineio does not come back
        /// after it.
        case ended
    }

    init(
        sid: String,
        isWebSocket: Bool,
        on eventLoop: any EventLoop,
        _ settings: EngineSettings,
        onEnd: @escaping () -> Void
    ) {
        self.sid = sid
        self.eventLoop = eventLoop
        self.settings = settings
        self.onEnd = onEnd
        machine = EngineStateMachine(isWebSocket: isWebSocket)
    }

    /// - Parameter webSocket: the one that carries it; `nil` for one that begins with polls, and is opened by ``openPayload``.
    func begin(_ application: any EngineApplication, over webSocket: MessageWebSocket?) {
        self.application = application
        self.webSocket = webSocket
        if webSocket != nil {
            send(settings.openPacket(sid: sid, isWebSocket: true))
            flush()
        }
        schedulePing()
    }

    var openPayload: ByteBuffer { EnginePacket.encode([settings.openPacket(sid: sid, isWebSocket: false)]) }

    var pendingByteCount: Int { waitingByteCount + sentByteCount }

    /// The bytes of ``writtenByteCount`` that a poll or the kernel has taken.
    var takenByteCount: UInt64 { writtenByteCount - UInt64(max(0, pendingByteCount)) }

    // MARK: Writing

    func send(_ packet: EnginePacket) {
        guard !machine.isClosed else { return }
        packets.append(packet)
        waitingByteCount += packet.byteCount
        writtenByteCount += UInt64(packet.byteCount)
        if pendingByteCount >= settings.watermarkByteCount { isWritable = false }
    }

    func flush() {
        guard !packets.isEmpty else { return }
        if machine.isWebSocket { return sendFrames() }
        if machine.wrote() { answerPoll() }
    }

    private func takePackets(upTo count: Int = .max) -> [EnginePacket] {
        let taken = packets.prefix(count)
        packets.removeFirst(taken.count)
        waitingByteCount -= taken.reduce(0) { $0 + $1.byteCount }
        return Array(taken)
    }

    private func sendFrames() {
        guard let webSocket else { return }
        let byteCount = waitingByteCount
        var frames = ByteBufferAllocator().buffer(capacity: byteCount + packets.count * 10)
        for packet in takePackets() {
            if case .binary(let bytes) = packet {
                MessageWebSocket.appendBinary(bytes.readableBytesView, to: &frames)
            } else {
                var text = ByteBufferAllocator().buffer(capacity: packet.byteCount)
                packet.write(to: &text)
                MessageWebSocket.appendText(text.readableBytesView, to: &frames)
            }
        }
        sentByteCount += byteCount
        let session = NIOLoopBound(self, eventLoop: eventLoop)
        webSocket.send(frames).hop(to: eventLoop).whenComplete { _ in session.value.took(byteCount) }
    }

    private func took(_ byteCount: Int) {
        sentByteCount -= byteCount
        updateWritability()
    }

    private func updateWritability() {
        guard !isWritable, pendingByteCount <= settings.watermarkByteCount / 2 else { return }
        isWritable = true
        tellLater { $0.writabilityChanged() }
    }

    /// Not in a call of the application.
    private func tellLater(_ body: @escaping (any EngineApplication) -> Void) {
        eventLoop.assumeIsolated().execute {
            if let application = self.application { body(application) }
        }
    }

    private func answerPoll() {
        guard let poll else { return }
        self.poll = nil
        poll.promise.succeed(.packets(EnginePacket.encode(takePackets(upTo: settings.pollPacketCount))))
        updateWritability()
    }

    /// What waits stays.
    private func answerPoll(only packet: EnginePacket) {
        guard let poll else { return }
        self.poll = nil
        poll.promise.succeed(.packets(EnginePacket.encode([packet])))
    }

    private func endPoll() {
        poll?.promise.succeed(.ended)
        poll = nil
    }

    // MARK: Polls

    /// - Returns: the number of the poll.
    func begin(_ promise: EventLoopPromise<PollAnswer>) -> Int {
        pollCount += 1
        switch machine.beganPoll(hasPackets: !packets.isEmpty) {
        case .answer:
            poll = (pollCount, promise)
            answerPoll()
        case .wait:
            poll = (pollCount, promise)
        case .end:
            promise.succeed(.ended)
            finish(.here)
        case .refuse:
            promise.succeed(.refused)
        case .refuseAndEnd:
            answerPoll(only: .close)
            promise.succeed(.refused)
            finish(.violation)
        }
        return pollCount
    }

    /// The client of a poll is gone before it was answered.
    func lostPoll(_ id: Int) {
        guard poll?.id == id else { return }
        guard machine.lostPoll() else { return }
        answerPoll(only: .noop)
        finish(.clientLeft)
    }

    /// The answer to a poll was not taken.
    func lostAnswer() {
        guard !machine.isWebSocket else { return }
        machine.forget()
        finish(.clientLeft)
    }

    /// - Parameter promise: succeeds with whether the body was taken.
    func take(_ body: ByteBuffer?, _ promise: EventLoopPromise<Bool>) {
        guard let body, let received = EnginePacket.decode(payload: body) else {
            promise.succeed(false)
            return fail()
        }
        guard isReading || machine.isClosed else {
            // There are no two at a time.
            heldPost = (received, promise)
            return
        }
        take(received, promise)
    }

    private func take(_ received: [EnginePacket], _ promise: EventLoopPromise<Bool>) {
        // Before what the packets bring about: a client that is refused says goodbye only once its POST is answered.
        machine.beganAnswer()
        promise.succeed(true)
        for packet in received { receive(packet) }
        application?.readComplete()
        machine.endedPost()
    }

    /// The answer to a POST is written, or cannot be.
    func answeredPost() {
        if machine.endedAnswer(hasPackets: !packets.isEmpty) { answerPoll() }
    }

    /// - Returns: whether its body is read.
    func beginPost() -> Bool {
        switch machine.beganPost() {
        case .take: return true
        case .refuse: return false
        case .refuseAndEnd:
            answerPoll(only: .close)
            finish(.violation)
            return false
        }
    }

    func setReading(_ isEnabled: Bool) {
        guard isReading != isEnabled else { return }
        isReading = isEnabled
        webSocket?.setReading(isEnabled)
        guard isEnabled else { return }
        guard let (packets, promise) = heldPost else { return }
        heldPost = nil
        take(packets, promise)
    }

    private func receive(_ packet: EnginePacket) {
        // No answer to a ping that the client has not got.
        if case .pong = packet, packets.contains(.ping("")) { return }
        switch machine.received(packet) {
        case .none: break
        case .message:
            switch packet {
            case .message(let text): application?.received(text: text)
            case .binary(let bytes): application?.received(binary: bytes)
            case .open, .close, .ping, .pong, .upgrade, .noop: break
            }
        case .heard:
            // The next ping comes an interval after the answer: the client waits for it no longer than that and the timeout.
            pingTimer?.cancel()
            schedulePing()
            application?.heard()
        case .leave(let answersPoll):
            if answersPoll { answerPoll(only: .noop) }
            webSocket?.close(StreamCloseCode(rawValue: 1000), reason: "")
            finish(.clientLeft)
        case .violation: fail()
        }
    }

    private func fail() {
        guard !machine.isClosed else { return }
        switch machine.end() {
        case .none, .linger: break
        case .answerPoll: answerPoll(only: .close)
        case .closeWebSocket:
            webSocket?.close(.protocolAbuse, reason: "that is no packet of the protocol")
        }
        machine.forget()
        finish(.violation)
    }

    // MARK: The WebSocket

    /// - Returns: whether it is tried.
    func tryWebSocket(_ socket: MessageWebSocket) -> Bool {
        guard machine.webSocketCame() else { return false }
        webSocket = socket
        if !isReading { socket.setReading(false) }
        upgradeTimer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(settings.upgradeTimeoutMilliseconds)) {
            guard self.machine.isUpgrading else { return }
            let socket = self.webSocket
            self.lost(socket)
            socket?.close(.protocolAbuse, reason: "the upgrade did not end in time")
        }
        return true
    }

    func received(_ packet: EnginePacket?, from socket: MessageWebSocket) {
        guard socket === webSocket else { return }
        guard let packet else { return machine.isUpgrading ? drop(socket) : fail() }
        guard machine.isUpgrading else { return receive(packet) }
        switch machine.probed(packet) {
        case .none: break
        case .answer:
            var frame = ByteBuffer()
            MessageWebSocket.appendText("3probe".utf8, to: &frame)
            _ = socket.send(frame)
            beginNoops()
        case .upgrade(let answersPoll):
            if answersPoll { answerPoll(only: .noop) }
            endUpgrade()
            flush()
        case .drop: drop(socket)
        }
    }

    private func drop(_ socket: MessageWebSocket) {
        lost(socket)
        socket.close(.protocolAbuse, reason: "an upgrade is 2probe, and 5 once that is answered")
    }

    private func beginNoops() {
        guard noopTimer == nil else { return }
        sendNoop()
    }

    private func sendNoop() {
        guard let answersPoll = machine.noopDue() else {
            noopTimer = nil
            return
        }
        if answersPoll { answerPoll(only: .noop) }
        noopTimer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(settings.noopMilliseconds)) {
            self.sendNoop()
        }
    }

    private func endUpgrade() {
        upgradeTimer?.cancel()
        noopTimer?.cancel()
        (upgradeTimer, noopTimer) = (nil, nil)
    }

    /// A WebSocket is gone.
    func lost(_ socket: MessageWebSocket?) {
        guard let socket, socket === webSocket else { return }
        webSocket = nil
        switch machine.lostWebSocket(hasPackets: !packets.isEmpty) {
        case .none: break
        case .poll(let answers):
            endUpgrade()
            if answers { answerPoll() }
        case .end: finish(.clientLeft)
        }
    }

    func readComplete() { application?.readComplete() }

    // MARK: Life

    private func schedulePing() {
        pingTimer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(settings.pingIntervalMilliseconds)) {
            guard self.machine.pingDue() else { return }
            // An answer that takes longer than this is not waited for.
            self.answeredPost()
            self.send(.ping(""))
            self.flush()
            self.scheduleDeadline()
        }
    }

    private func scheduleDeadline() {
        pingTimer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(settings.pingTimeoutMilliseconds)) {
            // An answer may stand in what is not read.
            guard self.isReading else { return self.scheduleDeadline() }
            guard self.machine.isPongMissing() else { return }
            if case .answerPoll = self.machine.end() { self.endPoll() }
            self.machine.forget()
            self.webSocket?.close(.heartbeatMissed, reason: "ping timeout")
            self.finish(.pingTimeout)
        }
    }

    func serverStops() { application?.serverStops() }

    /// This side ends the session; what was sent goes out before. Not in a call of the application.
    func end(_ reason: String = "") {
        eventLoop.assumeIsolated().execute { self.endNow(reason) }
    }

    private func endNow(_ reason: String) {
        guard !machine.isClosed else { return }
        answeredPost()
        flush()
        switch machine.end() {
        case .none: break
        case .answerPoll:
            endPoll()
            finish(.here)
        case .linger:
            endUpgrade()
            webSocket?.close(.goingAway, reason: reason)
            closeTimer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(settings.lingerMilliseconds)) {
                self.machine.forget()
                self.finish(.here)
            }
            endApplication(.here)
        case .closeWebSocket:
            webSocket?.close(.goingAway, reason: reason)
            finish(.here)
        }
    }

    private func endApplication(_ end: EngineEnd) {
        pingTimer?.cancel()
        let application = application
        self.application = nil
        application?.ended(end)
    }

    private func finish(_ end: EngineEnd) {
        endUpgrade()
        closeTimer?.cancel()
        // Also one that is tried. One that is closed already stays so, with its code.
        let socket = webSocket
        webSocket = nil
        socket?.close(end == .violation ? .protocolAbuse : .goingAway, reason: "the session has ended")
        heldPost?.promise.succeed(true)
        heldPost = nil
        poll?.promise.succeed(.refused)
        poll = nil
        packets = []
        endApplication(end)
        onEnd()
    }
}
