#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A connection through a proxy: two sockets, and what passes between them. Belongs to the proxy's thread.
struct ProxiedConnection {
    private enum State {
        case connecting
        case passing
        /// The bytes of both sides are dropped.
        case swallowing
        case gone
    }

    /// The conditions that a socket is polled for, and those that it meets.
    private struct Readiness {
        var socket: LoopbackSocket
        var isReadable = false
        /// The last write was not taken whole.
        var isFull = false
        /// It was told that nothing more comes; when all is swallowed, it has said so.
        var hasEnded = false
    }

    private enum Side {
        case client
        case service
    }

    private let faults: [SocketFault]
    private var client: Readiness
    private var service: Readiness
    private var toClient: SocketPassageStateMachine
    private var toService: SocketPassageStateMachine
    private var state = State.connecting
    private var hasStopped = false
    /// The cut to make once the service is connected: before, it could not be told.
    private var pendingCut: SocketCut?
    /// The faults that have happened since they were taken.
    private var happened: [SocketFault] = []

    init(client: LoopbackSocket, service: LoopbackSocket, faults: [SocketFault], seed: UInt64, number: Int) {
        self.faults = faults
        self.client = Readiness(socket: client)
        self.service = Readiness(socket: service)
        let generator = SeededGenerator(seed: seed, number: number)
        toClient = SocketPassageStateMachine(faults, .toClient, generator: generator)
        toService = SocketPassageStateMachine(faults, .toService, generator: generator)
        happened = faults.filter { fault in
            switch fault {
            case .hang, .delay, .throttle, .slice: true
            case .refuse, .cut, .stopReading: false
            }
        }
    }

    var isGone: Bool { state == .gone }

    mutating func takeHappened() -> [SocketFault] {
        defer { happened = [] }
        return happened
    }

    /// The number of bytes that were passed on.
    var passed: (toClient: Int, toService: Int) { (toClient.passedCount, toService.passedCount) }

    // MARK: Waiting

    /// The conditions to poll the two sockets for; a socket that does not matter now has no descriptor.
    var interest: [pollfd] {
        switch state {
        case .gone: []
        case .connecting: [Self.interest(client, 0), Self.interest(service, POLLOUT)]
        case .swallowing:
            [client, service].map { Self.interest($0, $0.hasEnded ? 0 : POLLIN) }
        case .passing:
            [
                Self.interest(client, (toService.room > 0 ? POLLIN : 0) | (client.isFull ? POLLOUT : 0)),
                Self.interest(service, (toClient.room > 0 ? POLLIN : 0) | (service.isFull ? POLLOUT : 0)),
            ]
        }
    }

    private static func interest(_ side: Readiness, _ events: Int32) -> pollfd {
        pollfd(fd: events == 0 ? -1 : side.socket.descriptor, events: Int16(events), revents: 0)
    }

    /// Takes what `poll` has found, in the order of ``interest``.
    mutating func found(_ events: [pollfd]) {
        for (index, event) in events.enumerated() where event.revents != 0 {
            let isReady = Int32(event.revents) & (POLLIN | POLLHUP | POLLERR) != 0
            if index == 0 {
                client.isReadable = isReady
                client.isFull = false
            } else if state == .connecting {
                connected()
            } else {
                service.isReadable = isReady
                service.isFull = false
            }
        }
    }

    private mutating func connected() {
        if service.socket.hasFailed { return cut(.reset) }
        state = .passing
        if let pendingCut { cut(pendingCut) }
    }

    // MARK: Passing

    /// Reads and writes what can be.
    ///
    /// - Returns: the time of the next action, whatever the sockets do, in nanoseconds.
    mutating func advance(at now: UInt64) -> UInt64? {
        switch state {
        case .connecting, .gone: return nil
        case .swallowing:
            swallow(&client)
            swallow(&service)
            if client.hasEnded, service.hasEnded { close() }
            return nil
        case .passing: break
        }
        read(.client, at: now)
        read(.service, at: now)
        let times = [write(to: .client, at: now), write(to: .service, at: now)]
        noteStop()
        if state == .passing, client.hasEnded, service.hasEnded { close() }
        return times.compactMap(\.self).min()
    }

    mutating func release() {
        toClient.release()
        toService.release()
    }

    private mutating func read(_ side: Side, at now: UInt64) {
        guard state == .passing else { return }
        let source = side == .client ? client : service
        let room = side == .client ? toService.room : toClient.room
        guard source.isReadable, room > 0 else { return }
        let reading = source.socket.read(atMost: room)
        switch side {
        case .client: client.isReadable = false
        case .service: service.isReadable = false
        }
        switch (reading, side) {
        case (.bytes(let bytes), .client): toService.receive(bytes, at: now)
        case (.bytes(let bytes), .service): toClient.receive(bytes, at: now)
        case (.end, .client): toService.receiveEnd()
        case (.end, .service): toClient.receiveEnd()
        case (.nothing, _): break
        case (.broken, _): cut(.reset)
        }
    }

    /// Writes to a side what has come from the other one.
    private mutating func write(to side: Side, at now: UInt64) -> UInt64? {
        while state == .passing {
            let target = side == .client ? client : service
            guard !target.isFull, !target.hasEnded else { return nil }
            switch side == .client ? toClient.next(at: now) : toService.next(at: now) {
            case .wait(let time): return time
            case .end:
                target.socket.endWriting()
                if side == .client { client.hasEnded = true } else { service.hasEnded = true }
            case .cut(let how):
                let direction: SocketDirection = side == .client ? .toClient : .toService
                happened += faults.filter { if case .cut(_, _, direction) = $0 { true } else { false } }
                cut(how)
            case .write(let bytes):
                guard let count = target.socket.write(bytes) else {
                    cut(.reset)
                    return nil
                }
                if side == .client { toClient.wrote(count, at: now) } else { toService.wrote(count, at: now) }
                if count < bytes.count {
                    if side == .client { client.isFull = true } else { service.isFull = true }
                }
            }
        }
        return nil
    }

    private mutating func noteStop() {
        guard !hasStopped, toClient.isStopped || toService.isStopped else { return }
        hasStopped = true
        happened += faults.filter { if case .stopReading = $0 { true } else { false } }
    }

    // MARK: Ending

    mutating func cut(_ how: SocketCut) {
        // Its descriptors may be those of other sockets by now.
        guard state != .gone else { return }
        if state == .connecting, how != .reset {
            pendingCut = how
            return
        }
        switch how {
        case .close:
            client.socket.endWriting()
            service.socket.endWriting()
            swallow()
        case .reset:
            client.socket.reset()
            service.socket.reset()
            state = .gone
        case .halfOpen:
            swallow()
        }
    }

    private mutating func swallow() {
        state = .swallowing
        (client.hasEnded, service.hasEnded) = (false, false)
    }

    /// Closes both sockets, at the end.
    mutating func close() {
        guard state != .gone else { return }
        client.socket.shut()
        service.socket.shut()
        state = .gone
    }

    private func swallow(_ side: inout Readiness) {
        guard side.isReadable else { return }
        side.isReadable = false
        switch side.socket.read(atMost: 1 << 16) {
        case .bytes, .nothing: break
        case .end, .broken: side.hasEnded = true
        }
    }
}
