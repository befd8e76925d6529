#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The thread of a proxy: waits for its sockets, and does what their connections need.
struct ProxyLoop {
    private static let maximumConnectionCount = 4096

    private let proxy: FaultProxy
    private let servicePort: Int
    private let listener: LoopbackSocket
    private let wakeUp: WakeUp
    private var connections: [Int: ProxiedConnection] = [:]

    init(_ proxy: FaultProxy, servicePort: Int, listener: LoopbackSocket, wakeUp: WakeUp) {
        self.proxy = proxy
        self.servicePort = servicePort
        self.listener = listener
        self.wakeUp = wakeUp
    }

    /// Returns when the proxy ends, with every connection closed.
    mutating func run() {
        while true {
            let commands = proxy.takeCommands()
            if commands.isEnding { break }
            let wakeTime = advance(commands)
            wait(until: wakeTime)
        }
        for number in Array(connections.keys) { connections[number]?.close() }
        listener.shut()
    }

    private mutating func advance(_ commands: FaultProxy.Commands) -> UInt64? {
        let now = Self.now
        var wakeTime: UInt64?
        for number in connections.keys.sorted() {
            guard var connection = connections.removeValue(forKey: number) else { continue }
            let before = connection.passed
            if commands.isReleased { connection.release() }
            if let how = commands.disconnect { connection.cut(how) }
            let time = connection.advance(at: now)
            wakeTime = [wakeTime, time].compactMap(\.self).min()
            let passed = connection.passed
            proxy.passed(toClient: passed.toClient - before.toClient, toService: passed.toService - before.toService)
            proxy.happened(connection.takeHappened(), to: number)
            if !connection.isGone { connections[number] = connection }
        }
        return wakeTime
    }

    private mutating func wait(until time: UInt64?) {
        let numbers = connections.keys.sorted()
        let isOpen = numbers.count < Self.maximumConnectionCount
        var polled = [
            pollfd(fd: wakeUp.reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isOpen ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        var ranges: [(number: Int, range: Range<Int>)] = []
        for number in numbers {
            let interest = connections[number]?.interest ?? []
            ranges.append((number, polled.count..<polled.count + interest.count))
            polled += interest
        }
        guard poll(&polled, nfds_t(polled.count), Self.timeout(until: time)) > 0 else { return }
        if polled[0].revents != 0 { wakeUp.clear() }
        for (number, range) in ranges { connections[number]?.found(Array(polled[range])) }
        if polled[1].revents != 0 { accept() }
    }

    private mutating func accept() {
        while let client = listener.accepted() {
            let number = proxy.connected()
            let faults = proxy.plan.faults(forConnection: number)
            guard !faults.contains(.refuse), let service = try? LoopbackSocket.connecting(to: servicePort) else {
                client.reset()
                proxy.happened(faults.filter { $0 == .refuse }, to: number)
                continue
            }
            connections[number] = ProxiedConnection(
                client: client, service: service, faults: faults, seed: proxy.plan.seed, number: number)
        }
    }

    // MARK: Time

    private static var now: UInt64 {
        var time = timespec()
        _ = clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// In milliseconds, rounded up; -1 for ever.
    private static func timeout(until time: UInt64?) -> Int32 {
        guard let time else { return -1 }
        let now = now
        return time <= now ? 0 : Int32(clamping: (time - now + 999_999) / 1_000_000)
    }
}
