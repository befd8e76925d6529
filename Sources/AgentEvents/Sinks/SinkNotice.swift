/// Something that happened to a sink and that people should be able to read of.
package struct SinkNotice: Sendable {
    package enum Kind: Sendable {
        /// The sink refused what it was given, the `failures`th time since it last took something; it is given again after
        /// the pause, or at once.
        case refused(failures: Int, any Error, pause: Duration?)
        /// The sink took something again, after this many refusals.
        case recovered(failures: Int)
        /// An event is in the dead letters or, when nothing is kept there, passed over.
        case setAside(thread: ThreadID, EventID, attempts: Int, isKept: Bool, (any Error)?)
        /// The sink asked for nothing more.
        case stopped(any Error)
        /// The sink is given nothing more.
        case failed(any Error)
    }

    /// The sink's name.
    package var sink: String
    package var kind: Kind

    package init(sink: String, kind: Kind) {
        self.sink = sink
        self.kind = kind
    }
}

/// Is told what happens to the sinks of a runtime.
package protocol SinkObserver: Sendable {
    /// Called from the task of the sink, which waits for it: returns at once.
    func note(_ notice: SinkNotice)
}
