import AgentEventsTesting
import Testing

/// The proxy between plain sockets: each fault does what it says, and nothing happens without one.
@Suite(.timeLimit(.minutes(10))) struct FaultProxyTests {
    private static let text = Array("0123456789".utf8)

    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    /// What a client gets of a service that sends these bytes.
    private static func received(
        _ bytes: [UInt8], _ plan: SocketFaultPlan
    ) async throws -> (bytes: [UInt8], ending: PlainSocket.Ending) {
        try await PlainService.with(PlainService.sending(bytes)) { service in
            try await withFaultProxy(to: service.port, plan: plan) { proxy in
                try await PlainSocket.with(port: proxy.port) { await $0.receiveAll() }
            }
        }
    }

    /// Expects the same bytes, and does not print them all.
    private static func expect(
        _ received: [UInt8], _ due: [UInt8], _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isSame = received == due
        #expect(isSame, "\(received.count) bytes came of \(due.count); \(comment)", sourceLocation: sourceLocation)
    }

    // MARK: Nothing wrong

    @Test func withoutFaultsEverythingPassesBothWays() async throws {
        let sent = Self.bytes(3_000_000)
        try await PlainService.with(PlainService.sending(sent)) { service in
            try await withFaultProxy(to: service.port) { proxy in
                for _ in 0..<2 {
                    try await PlainSocket.with(port: proxy.port) { socket in
                        async let isSent = socket.send(sent)
                        let (received, ending) = await socket.receiveAll()
                        Self.expect(received, sent)
                        #expect(ending == .closed)
                        #expect(await isSent)
                        socket.endSending()
                    }
                }
                #expect(proxy.connectionCount == 2)
                #expect(proxy.injected == [])
                #expect(proxy.passedByteCount(.toClient) == 2 * sent.count)
            }
            #expect(await service.conversations(2) == [sent, sent])
        }
    }

    @Test func anEndPassesWhileTheOtherDirectionGoesOn() async throws {
        try await PlainService.with(PlainService.echo) { service in
            try await withFaultProxy(to: service.port) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    await socket.send(Self.text)
                    socket.endSending()
                    let (received, ending) = await socket.receiveAll()
                    #expect(received == Self.text)
                    #expect(ending == .closed)
                }
            }
        }
    }

    @Test func atTheEndOfTheScopeEverythingIsClosed() async throws {
        try await PlainService.with(PlainService.echo) { service in
            let port = try await withFaultProxy(to: service.port) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    await socket.send(Self.text)
                    #expect(await socket.receive(10) == Self.text)
                }
                return proxy.port
            }
            try await PlainSocket.with(port: port) { socket in
                #expect(await socket.receiveAll().ending == .reset)
            }
        }
    }

    @Test func aServiceThatIsNotThereIsAReset() async throws {
        try await PlainSocket.withUnusedPort { nobody in
            try await withFaultProxy(to: nobody) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    #expect(await socket.receiveAll().ending == .reset)
                }
            }
        }
    }

    // MARK: The nth connection

    @Test func theNthConnectionIsRefused() async throws {
        try await PlainService.with(PlainService.sending(Self.text)) { service in
            try await withFaultProxy(to: service.port, plan: SocketFaultPlan().on(2, .refuse)) { proxy in
                for number in 1...3 {
                    try await PlainSocket.with(port: proxy.port) { socket in
                        let (received, ending) = await socket.receiveAll()
                        #expect(received == (number == 2 ? [] : Self.text))
                        #expect(ending == (number == 2 ? .reset : .closed))
                    }
                }
                #expect(proxy.injected == [InjectedSocketFault(connection: 2, fault: .refuse)])
                #expect(proxy.connectionCount == 3)
            }
        }
    }

    @Test func theConnectionsThereAreCanBeEnded() async throws {
        try await PlainService.with(PlainService.echo) { service in
            try await withFaultProxy(to: service.port) { proxy in
                for (how, ending) in [(SocketCut.reset, PlainSocket.Ending.reset), (.close, .closed)] {
                    try await PlainSocket.with(port: proxy.port) { socket in
                        await socket.send(Self.text)
                        #expect(await socket.receive(10) == Self.text)
                        proxy.disconnect(how)
                        #expect(await socket.receiveAll().ending == ending)
                    }
                }
            }
        }
    }

    /// A connection that is cut before the service has answered, and one whose service is not there, are cut once.
    @Test func aConnectionOnItsWayCanBeEnded() async throws {
        try await PlainSocket.withUnusedPort { nobody in
            for how in [SocketCut.close, .reset, .halfOpen] {
                try await withFaultProxy(to: nobody) { proxy in
                    try await PlainSocket.with(port: proxy.port) { socket in
                        proxy.disconnect(how)
                        #expect(await socket.receiveAll().ending == .reset)
                    }
                }
            }
        }
    }

    // MARK: Cuts

    @Test(arguments: [0, 1, 7, 10_000, 99_999])
    func aCutLetsExactlySoManyBytesThrough(count: Int) async throws {
        let sent = Self.bytes(100_000)
        let plan = SocketFaultPlan().on(1, .cut(afterBytes: count))
        let (received, ending) = try await Self.received(sent, plan)
        Self.expect(received, Array(sent.prefix(count)))
        #expect(ending == .closed)
    }

    @Test(arguments: [0, 1, 7, 10_000, 99_999])
    func aResetLetsNoMoreThanSoManyBytesThrough(count: Int) async throws {
        let sent = Self.bytes(100_000)
        let plan = SocketFaultPlan().on(1, .cut(.reset, afterBytes: count))
        let (received, ending) = try await Self.received(sent, plan)
        #expect(received.count <= count)
        Self.expect(received, Array(sent.prefix(received.count)))
        #expect(ending == .reset)
    }

    @Test(arguments: [0, 1, 7, 10_000])
    func aCutOnTheWayToTheServiceLetsExactlySoManyBytesThrough(count: Int) async throws {
        let sent = Self.bytes(20_000)
        let plan = SocketFaultPlan().on(1, .cut(.close, afterBytes: count, .toService))
        try await PlainService.with(PlainService.sending([])) { service in
            try await withFaultProxy(to: service.port, plan: plan) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    await socket.send(sent)
                    try await proxy.waitForFaults()
                    #expect(await socket.receiveAll().ending == .closed)
                }
                #expect(proxy.passedByteCount(.toService) == count)
            }
            #expect(await service.conversations(1).first == Array(sent.prefix(count)))
        }
    }

    @Test func aHalfOpenConnectionTakesEverythingAndPassesNothing() async throws {
        let plan = SocketFaultPlan().on(1, .cut(.halfOpen, afterBytes: 3))
        try await PlainService.with(PlainService.echo) { service in
            try await withFaultProxy(to: service.port, plan: plan) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    await socket.send(Array(Self.text.prefix(3)))
                    #expect(await socket.receive(3) == Array(Self.text.prefix(3)))
                    try await proxy.waitForFaults()
                    // It is open: a megabyte goes nowhere, and nobody is told.
                    #expect(await socket.send(Self.bytes(1_000_000)))
                    proxy.disconnect(.close)
                    let (received, ending) = await socket.receiveAll()
                    #expect(received == [])
                    #expect(ending == .closed)
                }
                #expect(proxy.passedByteCount(.toService) == 3)
            }
            #expect(await service.conversations(1).first == Array(Self.text.prefix(3)))
        }
    }

    // MARK: Standstill

    @Test func aHangingConnectionGoesOnWhenItIsReleased() async throws {
        try await PlainService.with(PlainService.echo) { service in
            try await withFaultProxy(to: service.port, plan: SocketFaultPlan().on(1, .hang)) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    await socket.send(Self.text)
                    try await proxy.waitForFaults()
                    #expect(proxy.passedByteCount(.toService) == 0)
                    proxy.release()
                    #expect(await socket.receive(10) == Self.text)
                }
            }
        }
    }

    @Test func aSideThatIsNotReadIsHeldUpUntilItIsReleased() async throws {
        // More than the buffers of two connections take.
        let sent = [UInt8](repeating: 7, count: 24_000_000)
        let plan = SocketFaultPlan().on(1, .stopReading(after: 1000, .toClient))
        try await PlainService.with(PlainService.sending(sent)) { service in
            try await withFaultProxy(to: service.port, plan: plan) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    #expect(await socket.receive(1000) == Array(sent.prefix(1000)))
                    try await proxy.waitForFaults()
                    // The other direction goes on.
                    await socket.send(Self.text)
                    try await proxy.waitForPassed(10, .toService)
                    #expect(proxy.passedByteCount(.toClient) == 1000)
                    proxy.release()
                    let (received, ending) = await socket.receiveAll()
                    Self.expect(received, Array(sent.dropFirst(1000)))
                    #expect(ending == .closed)
                }
            }
        }
    }

    @Test func waitingForFaultsCanBeCancelled() async throws {
        try await withFaultProxy(to: 1) { proxy in
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do {
                        try await proxy.waitForFaults()
                        return false
                    } catch {
                        return error is CancellationError
                    }
                }
                group.cancelAll()
                for await isCancelled in group { #expect(isCancelled) }
            }
        }
    }

    // MARK: Time

    @Test func whatPassesIsLate() async throws {
        let plan = SocketFaultPlan().on(1, .delay(.constant(.milliseconds(60))))
        try await PlainService.with(PlainService.echo) { service in
            try await withFaultProxy(to: service.port, plan: plan) { proxy in
                try await PlainSocket.with(port: proxy.port) { socket in
                    let time = await ContinuousClock().measure {
                        await socket.send(Self.text)
                        #expect(await socket.receive(10) == Self.text)
                    }
                    #expect(time >= .milliseconds(120))
                }
            }
        }
    }

    @Test func whatPassesIsSlow() async throws {
        let sent = Self.bytes(5000)
        let time = try await ContinuousClock().measure {
            let plan = SocketFaultPlan().on(1, .throttle(bytesPerSecond: 20_000))
            let (received, _) = try await Self.received(sent, plan)
            Self.expect(received, sent)
        }
        // The first fiftieth of a second's bytes pass at once.
        #expect(time >= .milliseconds(225))
    }

    // MARK: By seed

    /// Many connections at the same time, each with faults of its own: every client gets what its plan says.
    @Test(arguments: 0..<5)
    func aSeedBringsTheSameFaultsToManyConnections(seed: UInt64) async throws {
        let sent = Self.bytes(60_000)
        let plan = SocketFaultPlan(seed: seed)
            .rate(0.2, .refuse)
            .rate(0.5, .cut(.close, after: 0...59_999, .toClient))
            .rate(0.3, .slice(700))
            .rate(0.3, .delay(.exponential(mean: .milliseconds(1), limit: .milliseconds(5))))
        try await PlainService.with(PlainService.sending(sent)) { service in
            try await withFaultProxy(to: service.port, plan: plan) { proxy in
                for number in 1...30 {
                    let faults = plan.faults(forConnection: number)
                    let cut = faults.compactMap { if case .cut(_, let range, _) = $0 { range.lowerBound } else { nil } }
                    let due = faults.contains(.refuse) ? 0 : cut.first ?? sent.count
                    try await PlainSocket.with(port: proxy.port) { socket in
                        let (received, ending) = await socket.receiveAll()
                        Self.expect(received, Array(sent.prefix(due)), "\(plan): connection \(number)")
                        #expect(ending == (faults.contains(.refuse) ? .reset : .closed))
                    }
                }
                #expect(proxy.connectionCount == 30)
                #expect(Set(proxy.injected.map(\.connection)).count > 15, "\(plan)")
            }
        }
    }
}
