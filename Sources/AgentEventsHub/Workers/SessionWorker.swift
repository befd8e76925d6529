import AgentEvents
import AgentEventsProtocol

/// The client of one connection as a worker: it offers itself, takes runs, and follows their threads. Confined to the event
/// loop of its session.
final class SessionWorker {
    private let identity: SessionIdentity
    private let workers: Workers
    private let link: WorkerLink
    private var name: WorkerID?
    /// The threads that it follows because of runs that it has taken, with the number of these.
    private var followed: [ThreadID: Int] = [:]
    /// The leases that it has taken here.
    private var taken: Set<LeaseID> = []

    init(_ identity: SessionIdentity, _ services: SessionServices, link: WorkerLink) {
        self.identity = identity
        workers = services.workers
        self.link = link
    }

    /// - Returns: of the leases that the request names, those that the worker still has, and those that it has lost; `nil` when
    ///   it names none.
    func serve(_ request: ServeRequest) throws(ProtocolError) -> (kept: [LeaseID]?, lost: [LeaseID]?) {
        let (kept, lost) = try workers.serve(request, as: identity.principal, on: link)
        name = request.worker
        if request.leases == nil { return (nil, nil) }
        return (kept, lost)
    }

    /// - Returns: the run; `nil` when it was taken before.
    func take(_ lease: LeaseID) throws(ProtocolError) -> WorkerRun? {
        let run = try workers.take(lease, on: link.connection)
        return taken.insert(lease).inserted ? run : nil
    }

    /// The thread of a run that was taken is followed, unless the client does that by itself.
    ///
    /// - Returns: whether it is to be followed from now on.
    func follows(_ run: WorkerRun, isFollowed: Bool) -> Bool {
        guard let count = followed[run.thread] else {
            if !isFollowed { followed[run.thread] = 1 }
            return !isFollowed
        }
        followed[run.thread] = count + 1
        return !isFollowed
    }

    func decline(_ lease: LeaseID, _ reason: String?) throws(ProtocolError) {
        try workers.decline(lease, reason: reason, on: link.connection)
    }

    func renew(_ leases: [LeaseID]) throws(ProtocolError) { try workers.renew(leases, on: link.connection) }

    /// Something has come from it.
    func heard() { workers.heard(link.connection) }

    /// The credentials of the connection were replaced.
    func credentialsChanged() {
        if let name { workers.replaced(name, by: identity.principal) }
    }

    /// A run that it has taken is over.
    ///
    /// - Returns: whether it follows the thread for no other one.
    func ended(_ run: WorkerRun) -> Bool {
        guard taken.remove(run.lease) != nil, let count = followed[run.thread] else { return false }
        followed[run.thread] = count > 1 ? count - 1 : nil
        return count == 1
    }

    /// The connection is gone.
    func end() { workers.gone(link.connection) }
}
