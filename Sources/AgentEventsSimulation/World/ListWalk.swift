import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// Somebody who lists threads page by page over the hub, as the routes of a server do, while everything else goes on; and judges
/// each page: nothing but what may be read, each thread once, the latest first, as it was at some moment since it was asked for.
struct ListWalk: Sendable {
    private let principal: Principal
    private let grant: Grant
    private let question: ThreadListRequest
    private let witness: LogWitness
    private let told: ToldHeads
    private let isLast: Bool

    /// What the credentials name beside the user's own threads.
    private enum Grant: CaseIterable {
        case nothing, everything
        /// The threads whose ids begin with `t1`.
        case prefix
        /// All threads, but not to read them.
        case prefixToEmit
        /// The thread `t0`, and not even the user's own besides.
        case oneAlone

        var threads: ThreadGrant {
            switch self {
            case .nothing: .own
            case .everything: .all
            case .prefix: .listed([ThreadAllowance(ThreadPattern("t1*"))])
            case .prefixToEmit: .listed([ThreadAllowance(ThreadPattern("t*"), scopes: [.emit])])
            case .oneAlone: .listed([ThreadAllowance(ThreadPattern("t0"))])
            }
        }

        func mayRead(_ owner: ThreadOwner, _ user: UserID) -> Bool {
            switch self {
            case .nothing, .prefixToEmit: owner.user == user
            case .everything: true
            case .prefix: owner.user == user || owner.thread.rawValue.hasPrefix("t1")
            case .oneAlone: owner.thread.rawValue == "t0"
            }
        }
    }

    /// - Parameter isLast: whether everything has come to rest, and nobody is in the way.
    init(
        of user: UserID,
        _ witness: LogWitness,
        _ told: ToldHeads,
        isLast: Bool = false,
        _ random: inout SimulationRandom
    ) {
        self.witness = witness
        self.told = told
        self.isLast = isLast
        let grant = isLast ? .everything : Grant.allCases[random.below(Grant.allCases.count)]
        self.grant = grant
        principal = Principal(
            user: user, scopes: [.read, .emit], threads: grant.threads, isLimitedToThreads: grant == .oneAlone)
        var question = ThreadListRequest(limit: 1 + random.below(3))
        if !isLast {
            if random.once(in: 3) { question.status = ThreadStatus.allCases[random.below(ThreadStatus.allCases.count)] }
            if random.once(in: 6) { question.agent = try? AgentName(random.once(in: 3) ? "nobody" : "echo") }
        }
        self.question = question
    }

    func run(_ hub: AgentEventsHub) async {
        var request = question
        var seen: Set<ThreadID> = []
        var places: [CardPlace] = []
        let begun = moments()
        while true {
            let asked = moments()
            let page: ThreadListPage
            do {
                page = try await hub.threads(request, for: principal)
            } catch {
                return judge(error)
            }
            guard check(page, asked, &seen, &places) else { return }
            if witness.threads.contains(where: { $0.head > begun[$0.owner.thread] ?? 0 }) {
                witness.count(.listedWhileMoving)
            }
            guard let next = page.next else { break }
            if let before = request.before, next >= before {
                return fail("a page begins at \(next), not below \(before)")
            }
            request.before = next
        }
        checkWhole(begun, seen)
        witness.count(isLast ? .listedAtRest : .listed)
    }

    private func moments() -> [ThreadID: UInt64] {
        var moments: [ThreadID: UInt64] = [:]
        for thread in witness.threads { moments[thread.owner.thread] = told[thread.owner.thread] }
        return moments
    }

    private func fail(_ message: String) {
        witness.fail(InvariantViolation(.listed, "\(principal.user), \(grant): \(message)"))
    }

    /// Whoever may list is refused only where the process ends, or has much to read before.
    private func judge(_ error: any Error) {
        guard let error = error as? ProtocolError else { return fail("\(error)") }
        switch error.code {
        case .threadsUnlisted, .scopeMissing, .threadUnknown, .threadForbidden, .cursorInvalid:
            fail("the list is refused: \(error)")
        default:
            if isLast { fail("nothing is in the way, and still there is no list: \(error)") }
        }
    }

    private func check(
        _ page: ThreadListPage,
        _ asked: [ThreadID: UInt64],
        _ seen: inout Set<ThreadID>,
        _ places: inout [CardPlace]
    ) -> Bool {
        if page.threads.count > question.limit { fail("a page of \(page.threads.count)") }
        for json in page.threads {
            guard let text = json["thread_id"]?.stringValue, let thread = try? ThreadID(text),
                let number = witness.number(of: thread)
            else {
                fail("there is no such thread: \(json)")
                return false
            }
            let known = witness.thread(number)
            guard grant.mayRead(known.owner, principal.user) else {
                witness.fail(InvariantViolation(.isolation, "\(thread) is listed for \(principal.user), \(grant)"))
                return false
            }
            if !seen.insert(thread).inserted { fail("\(thread) is listed twice") }
            if let violation = known.difference(fromListed: json, asOf: asked[thread] ?? 0) { witness.fail(violation) }
            if let status = question.status, json["status"]?.stringValue != status.rawValue {
                fail("\(json) is not \(status)")
            }
            if let agent = question.agent, json["agents"]?.arrayValue?.contains(.string(agent.rawValue)) != true {
                fail("\(json) is not of \(agent)")
            }
            guard let time = json["updated_at"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) }) else { continue }
            let place = CardPlace(activity: time, thread: thread)
            if let last = places.last, place >= last { fail("\(place) comes after \(last)") }
            places.append(place)
        }
        return true
    }

    /// Everything that may be read, is what was asked for and has not moved since is there.
    private func checkWhole(_ begun: [ThreadID: UInt64], _ seen: Set<ThreadID>) {
        for thread in witness.threads where grant.mayRead(thread.owner, principal.user) {
            let id = thread.owner.thread
            guard !seen.contains(id),
                thread.mustBeListed(
                    asOf: begun[id] ?? 0, status: question.status?.rawValue, agent: question.agent?.rawValue)
            else { continue }
            fail("\(id) is not listed, and has not moved since \(begun[id] ?? 0)")
        }
    }
}
