import AgentEvents
import Testing

/// Signals and the one task that waits for them.
@Suite struct WakeSignalTests {
    /// What a wait of a task that was cancelled finds: it does not wait, so it tells whether there is a signal.
    private static func isSignalled(_ signal: WakeSignal) async -> Bool {
        let task = Task {
            // Begins when it is cancelled for certain.
            while !Task.isCancelled { await Task.yield() }
            return await signal.wait()
        }
        task.cancel()
        return await task.value
    }

    @Test func aSignalThatComesWhileItsTaskIsBusyIsRemembered() async {
        let signal = WakeSignal()
        #expect(await !Self.isSignalled(signal))
        signal.signal()
        #expect(await Self.isSignalled(signal))
        #expect(await !Self.isSignalled(signal))
    }

    @Test func severalSignalsCountAsOne() async {
        let signal = WakeSignal()
        signal.signal()
        signal.signal()
        #expect(await Self.isSignalled(signal))
        #expect(await !Self.isSignalled(signal))
    }

    @Test func afterTheEndThereIsNoSignal() async {
        let signal = WakeSignal()
        signal.signal()
        signal.finish()
        signal.signal()
        #expect(await !signal.wait())
    }
}
