import AgentEvents
import AgentEventsProtocol
import NIOCore

/// The list of threads that a connection watches. Confined to its event loop.
///
/// A list is no thread: it has no order of events, no cursor and no acknowledgement. Whoever watches is given the newest of each
/// thread, and what is in between is not made: ``ListFeedStateMachine`` decides when the list is looked at, as ``ThreadListing``
/// gives it to those who ask, and ``WatchedList`` what of it the client has not got. So a slow client costs its page.
///
/// **Rights.** A look asks them for each thread, with the credentials of then. When access changes, or the credentials are
/// replaced, while it is under way, what it finds is dropped, and there is another one.
final class ThreadListFeed {
    private let request: ThreadListRequest
    private let listing: ThreadListing
    private let identity: SessionIdentity
    private let services: SessionServices
    private let output: SessionOutput
    private let eventLoop: any EventLoop
    /// Takes account of what has changed before anything is written; `false` when the connection is over.
    private let settlesAccess: () -> Bool
    private var machine = ListFeedStateMachine()
    private var list = WatchedList()
    private var name: ListWatchers.Name?
    private var timer: Scheduled<Void>?

    init(
        _ request: ThreadListRequest,
        _ listing: ThreadListing,
        _ identity: SessionIdentity,
        _ services: SessionServices,
        _ output: SessionOutput,
        on eventLoop: any EventLoop,
        settlesAccess: @escaping () -> Bool
    ) {
        self.request = request
        self.listing = listing
        self.identity = identity
        self.services = services
        self.output = output
        self.eventLoop = eventLoop
        self.settlesAccess = settlesAccess
    }

    var isEnded: Bool { machine.isEnded }

    func begin() {
        watch()
        changed()
    }

    /// The list, or what may be seen of it, may have changed.
    func changed() { act(machine.changed(at: now, isWritable: output.isWritable)) }

    func credentialsChanged() {
        guard !isEnded else { return }
        watch()
        changed()
    }

    func becameWritable() { act(machine.becameWritable(at: now)) }

    func end() {
        machine.end()
        timer?.cancel()
        timer = nil
        if let name { listing.directory.stopWatching(name) }
        name = nil
    }

    private var now: Int64 { services.runtime.environment.monotonicMilliseconds }

    private func watch() {
        if let name { listing.directory.stopWatching(name) }
        let feed = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        name = listing.directory.watch(listing.readers(for: identity.principal)) {
            eventLoop.execute { feed.value.changed() }
        }
    }

    private func act(_ action: ListFeedStateMachine.Action) {
        switch action {
        case .none: break
        case .look: look()
        case .wait(let milliseconds):
            let feed = NIOLoopBound(self, eventLoop: eventLoop)
            timer = eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { feed.value.timePassed() }
        case .arm:
            if let name, listing.directory.arm(name) { changed() }
        }
    }

    private func timePassed() { act(machine.timePassed(at: now, isWritable: output.isWritable)) }

    private func look() {
        let feed = NIOLoopBound(self, eventLoop: eventLoop)
        let (eventLoop, listing, request, principal) = (eventLoop, listing, request, identity.principal)
        let (epoch, generation) = (listing.epoch, identity.generation)
        let isAccepted = services.listReaders.submit {
            let outcome: Result<ThreadListPage, ProtocolError>
            do {
                outcome = .success(try await listing.page(request, for: principal))
            } catch let error as ProtocolError {
                outcome = .failure(error)
            } catch {
                outcome = .failure(.stopping())
            }
            eventLoop.execute { feed.value.looked(outcome, epoch: epoch, generation: generation) }
        }
        // At the very end there are no workers any longer.
        if !isAccepted { end() }
    }

    private func looked(_ outcome: Result<ThreadListPage, ProtocolError>, epoch: UInt64, generation: Int) {
        guard !isEnded, settlesAccess(), !isEnded else { return }
        guard listing.epoch == epoch, identity.generation == generation else {
            return act(machine.failed(at: now, retryAfter: 0))
        }
        switch outcome {
        case .success(let page):
            if let news = list.replace(by: page) { output.send(.threads(news)) }
            act(machine.found(at: now, isWritable: output.isWritable))
        case .failure(let error) where error.isRetryable:
            act(machine.failed(at: now, retryAfter: max(error.retryAfterMilliseconds ?? 0, Self.shortestRetry)))
        case .failure(let error):
            end()
            output.send(.unwatched(nil, code: error.code))
        }
        output.flush()
    }

    /// The time after which a list that could not be looked at is looked at again at least, in milliseconds.
    private static let shortestRetry: Int64 = 1000
}

extension ThreadListRequest {
    /// - Throws: ``ProtocolError`` `message.invalid` with the path to the fault.
    init(_ request: WatchRequest) throws(ProtocolError) {
        try self.init(
            text: request.text, status: request.status, agent: request.agent, limit: request.limit,
            code: .messageInvalid, path: "$.")
    }
}
