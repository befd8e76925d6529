import Dispatch
import NIOCore

/// Several loops as one group.
final class SimulatedEventLoopGroup: EventLoopGroup {
    private let loops: [SimulatedEventLoop]

    init(loops: [SimulatedEventLoop]) { self.loops = loops }

    func next() -> any EventLoop { loops[0] }
    func makeIterator() -> EventLoopIterator { EventLoopIterator(loops) }

    func shutdownGracefully(queue: DispatchQueue, _ callback: @Sendable @escaping ((any Error)?) -> Void) {
        for loop in loops { loop.close() }
        queue.async { callback(nil) }
    }
}
