/// The sessions that a delivery concerns, each once, for what is done when all of it is written. Confined to the event loop.
///
/// Most of them have nothing to do but to flush: of these only the output is looked at again. With a thousand connections the
/// memory that is looked at is much of what a delivery costs.
struct WrittenSessions {
    private var written: [SessionOutput] = []
    private var attended: [StreamSession] = []

    /// Something was written that has to be flushed.
    mutating func wrote(to output: SessionOutput) {
        if output.markWritten() { written.append(output) }
    }

    /// The session has something to do besides: to read, to ask for rights, to see whether its credentials count.
    mutating func attend(_ session: StreamSession) {
        if session.output.markAttended() { attended.append(session) }
    }

    /// Everything is written: what is to be done is done, and all of it flushed.
    func finish() {
        for session in attended { session.flushWritten() }
        for output in written { output.flushWritten() }
    }
}
