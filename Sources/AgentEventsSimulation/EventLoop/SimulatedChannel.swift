import NIOCore
import NIOWebSocket
import Synchronization

/// A channel on a ``SimulatedEventLoop``, between handlers and a ``SimulatedWire``: what is flushed goes to the wire as far as
/// it has room, and one message is read when a handler asks for it.
///
/// Confined to its loop, but for what `Channel` allows elsewhere.
final class SimulatedChannel: Channel {
    let wire: SimulatedWire
    let eventLoop: any EventLoop
    let allocator = ByteBufferAllocator()
    let localAddress: SocketAddress? = nil
    let remoteAddress: SocketAddress? = nil
    let parent: (any Channel)? = nil
    private let loop: SimulatedEventLoop
    private let core: NIOLoopBoundBox<Core?>
    private let ownPipeline = Mutex<ChannelPipeline?>(nil)
    /// What others than the loop may look at.
    private struct Visible {
        var isWritable = true
        var isActive = true
        var byteCount = 0
        var wantsToRead = false
    }

    private let visible = Mutex(Visible())
    private let closing: EventLoopPromise<Void>

    /// Called on the loop.
    ///
    /// - Parameter highWater: from so many bytes on that the wire has not taken the channel is not writable, until half of
    ///   them are taken.
    init(loop: SimulatedEventLoop, wire: SimulatedWire, highWater: Int) {
        self.loop = loop
        self.wire = wire
        eventLoop = loop
        closing = loop.makePromise()
        core = NIOLoopBoundBox(nil, eventLoop: loop)
        let pipeline = ChannelPipeline(channel: self)
        ownPipeline.withLock { $0 = pipeline }
        core.value = Core(self, pipeline: pipeline, highWater: highWater)
    }

    var closeFuture: EventLoopFuture<Void> { closing.futureResult }

    var pipeline: ChannelPipeline {
        guard let pipeline = ownPipeline.withLock({ $0 }) else { preconditionFailure("set when the channel is made") }
        return pipeline
    }

    var _channelCore: any ChannelCore {
        guard let core = core.value else { preconditionFailure("set when the channel is made") }
        return core
    }

    var isWritable: Bool { visible.withLock { $0.isWritable } }
    var isActive: Bool { visible.withLock { $0.isActive } }

    // MARK: Driving

    /// Whether a handler asked for more than it was given.
    var wantsToRead: Bool { visible.withLock { $0.wantsToRead } }
    /// Whether something waits for room on the wire.
    var isHoldingBack: Bool { visible.withLock { $0.byteCount > 0 } }

    /// Reads the next message that is on the wire: an opcode and the payload.
    ///
    /// - Returns: whether it could; not while the loop is busy.
    @discardableResult
    func readNext() -> Bool {
        guard wantsToRead, wire.hasRequest, !loop.inEventLoop else { return false }
        loop.run {
            read { message in
                WebSocketFrame(
                    fin: true, opcode: WebSocketOpcode(encodedWebSocketOpcode: message.first ?? 1) ?? .text,
                    maskKey: [0, 0, 0, 0], data: ByteBuffer(bytes: message.dropFirst()))
            }
        }
        return true
    }

    private func read<Inbound: Sendable>(_ convert: ([UInt8]) -> Inbound) {
        guard let core = core.value, wantsToRead, core.isOpen, let message = wire.takeRequest() else { return }
        visible.withLock { $0.wantsToRead = false }
        pipeline.syncOperations.fireChannelRead(NIOAny(convert(message)))
        guard core.isOpen else { return }
        pipeline.syncOperations.fireChannelReadComplete()
        guard core.isOpen else { return }
        pipeline.syncOperations.read()
    }

    /// The client has taken something.
    func wireHasRoom() { core.value?.writeFlushed() }

    /// The connection is broken.
    func lose() { core.value?.close0(error: ChannelError.eof, mode: .all, promise: nil) }

    // MARK: Options

    var syncOptions: (any NIOSynchronousChannelOptions)? { Options(channel: self) }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        eventLoop.makeSucceededVoidFuture()
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeCompletedFuture { try Options(channel: self).getOption(option) }
    }

    private struct Options: NIOSynchronousChannelOptions {
        let channel: SimulatedChannel

        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {}

        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
            let value: Any
            switch option {
            case is ChannelOptions.Types.BufferedWritableBytesOption: value = channel.core.value?.byteCount ?? 0
            case is ChannelOptions.Types.AutoReadOption: value = true
            default: throw ChannelError.operationUnsupported
            }
            guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
            return value
        }
    }

    // MARK: Core

    private final class Core: ChannelCore {
        private unowned let channel: SimulatedChannel
        private let pipeline: ChannelPipeline
        private let highWater: Int
        private var written = SimulatedQueue<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)>()
        /// Those written first are flushed.
        private var flushedCount = 0
        private(set) var byteCount = 0 {
            didSet { channel.visible.withLock { $0.byteCount = byteCount } }
        }
        private(set) var isOpen = true

        init(_ channel: SimulatedChannel, pipeline: ChannelPipeline, highWater: Int) {
            self.channel = channel
            self.pipeline = pipeline
            self.highWater = highWater
        }

        func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
        func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
        func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
        func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
        func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
            promise?.fail(ChannelError.operationUnsupported)
        }
        func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
            promise?.fail(ChannelError.operationUnsupported)
        }
        func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed() }
        func channelRead0(_ data: NIOAny) {}
        func errorCaught0(error: any Error) {}

        func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard isOpen else {
                promise?.fail(ChannelError.ioOnClosedChannel)
                return
            }
            let bytes = unwrapData(data, as: ByteBuffer.self)
            written.append((bytes, promise))
            byteCount += bytes.readableBytes
            if byteCount > highWater { setWritable(false) }
        }

        func flush0() {
            flushedCount = written.count
            writeFlushed()
        }

        func writeFlushed() {
            while isOpen, flushedCount > 0, let (bytes, promise) = written.first {
                guard bytes.readableBytes == 0 || channel.wire.offer(bytes) else { break }
                _ = written.popFirst()
                flushedCount -= 1
                byteCount -= bytes.readableBytes
                promise?.succeed()
            }
            if byteCount < highWater / 2 { setWritable(true) }
        }

        private func setWritable(_ isWritable: Bool) {
            let isChanged = channel.visible.withLock { visible in
                defer { visible.isWritable = isWritable }
                return visible.isWritable != isWritable
            }
            if isChanged, isOpen { pipeline.syncOperations.fireChannelWritabilityChanged() }
        }

        func read0() { channel.visible.withLock { $0.wantsToRead = true } }

        func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            guard isOpen else {
                promise?.fail(ChannelError.alreadyClosed)
                return
            }
            isOpen = false
            channel.visible.withLock { $0 = Visible(isWritable: false, isActive: false) }
            channel.wire.end()
            while let (_, promise) = written.popFirst() { promise?.fail(ChannelError.ioOnClosedChannel) }
            flushedCount = 0
            byteCount = 0
            promise?.succeed()
            pipeline.syncOperations.fireChannelInactive()
            let channel = channel
            // Not now: somebody may be on the way through the pipeline.
            channel.loop.execute {
                guard let core = channel.core.value else { return }
                core.removeHandlers(pipeline: core.pipeline)
                channel.closing.succeed()
                channel.core.value = nil
            }
        }
    }
}
