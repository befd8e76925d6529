import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// Those whose threads they are, in an ``AccessWorld``: they make, change and remove members and links, and delete threads. When the
/// service has said so, it counts.
struct AccessAdministration: Sendable {
    /// Something that one of them does, in a task.
    typealias Action = @Sendable () async -> Void

    let model: AccessModel
    let members: MemberIntake
    let deletions: DeletionIntake
    let threads: [ThreadID]
    let users: [UserID]
    let told: TaskNotes

    /// Past all connections.
    private static func principal(_ user: UserID) -> Principal { Principal(user: user, scopes: [.read, .share]) }

    func next(_ random: inout SimulationRandom) -> Action? {
        let thread = threads[random.below(threads.count)]
        guard let owner = model.owners[thread] else { return nil }
        switch random.below(20) {
        case ..<9:
            let others = users.filter { $0 != owner }
            let roles: [MemberRole] = [.viewer, .viewer, .approver, .participant, .owner]
            let request = MemberRequest(
                role: roles[random.below(roles.count)], life: random.once(in: 3) ? .seconds(1 + random.below(60)) : nil,
                from: [nil, .start, .now][random.below(3)])
            return put(others[random.below(others.count)], in: thread, of: owner, request)
        case ..<13:
            let shares = model.shares
            return shares.isEmpty ? nil : remove(shares[random.below(shares.count)])
        case ..<16:
            let request = MemberRequest(
                role: .viewer, life: random.once(in: 2) ? .seconds(1 + random.below(60)) : nil,
                from: [nil, .now][random.below(2)])
            return makeLink(to: thread, of: owner, request)
        case ..<19: return look(at: thread, as: users[random.below(users.count)])
        default:
            // There is something left to look at.
            guard random.once(in: 8), model.deletedThreads.count < threads.count / 3 else { return nil }
            return delete(thread, of: owner, waits: random.once(in: 2))
        }
    }

    /// Everybody becomes a member of every thread that is there.
    func everybodyReadsEverything() -> [Action] {
        threads.filter { !model.deletedThreads.contains($0) }.flatMap { thread -> [Action] in
            guard let owner = model.owners[thread] else { return [] }
            return users.filter { $0 != owner }.map { user in
                guard let action = put(user, in: thread, of: owner, MemberRequest(role: .viewer, from: .start)) else {
                    return { told.note("wrong", "a change of \(user) in \(thread) never ends") }
                }
                return action
            }
        }
    }

    private func put(_ user: UserID, in thread: ThreadID, of owner: UserID, _ request: MemberRequest) -> Action? {
        let share = AccessModel.Share(user: user, thread: thread)
        guard model.begin(share) else { return nil }
        return { [self] in
            do throws(ProtocolError) {
                let member = try await members.put(.user(user), in: thread, request, for: Self.principal(owner))
                model.changed(share, to: member)
                told.note("member put", nil)
            } catch {
                model.leave(share)
                told.note("member refused \(error.code)", nil)
            }
        }
    }

    private func remove(_ share: AccessModel.Share) -> Action? {
        guard let owner = model.owners[share.thread], model.begin(share) else { return nil }
        return { [self] in
            do throws(ProtocolError) {
                try await members.remove(
                    try MemberSubject(share.user), from: share.thread, for: Self.principal(owner))
                model.changed(share, to: nil)
                told.note("member removed", nil)
            } catch {
                // One whose time is over may be gone already.
                if error.code == .memberUnknown { model.changed(share, to: nil) } else { model.leave(share) }
                told.note("removal refused \(error.code)", nil)
            }
        }
    }

    private func makeLink(to thread: ThreadID, of owner: UserID, _ request: MemberRequest) -> Action {
        { [self] in
            do throws(ProtocolError) {
                let made = try await members.makeLink(to: thread, request, for: Self.principal(owner))
                guard case .link(let user) = made.member.subject else {
                    return told.note("wrong", "a link is \(made.member.subject)")
                }
                model.changed(AccessModel.Share(user: user, thread: thread), to: made.member)
                told.note("link made", nil)
            } catch {
                told.note("link refused \(error.code)", nil)
            }
        }
    }

    /// The members are told to those who may share the thread, and to nobody else.
    private func look(at thread: ThreadID, as user: UserID) -> Action {
        { [self] in
            do throws(ProtocolError) {
                let all = try await members.all(of: thread, for: Self.principal(user))
                let mayShare =
                    model.owners[thread] == user || all.contains { $0.subject == .user(user) && $0.role == .owner }
                told.note("members told", mayShare ? nil : "\(user) is told the members of \(thread)")
            } catch {
                told.note("members not told", nil)
            }
        }
    }

    private func delete(_ thread: ThreadID, of owner: UserID, waits: Bool) -> Action {
        { [self] in
            do throws(ProtocolError) {
                _ = try await deletions.delete(thread, waits: waits, for: Self.principal(owner))
                model.deleted(thread)
                told.note("thread deleted", nil)
            } catch {
                told.note("deletion refused \(error.code)", nil)
            }
        }
    }
}

/// The notes of tasks for their world.
final class TaskNotes: Sendable {
    private let notes = Mutex<[(occurrence: String, violation: String?)]>([])

    func note(_ occurrence: String, _ violation: String?) { notes.withLock { $0.append((occurrence, violation)) } }

    func take() -> [(occurrence: String, violation: String?)] {
        notes.withLock { notes in
            defer { notes = [] }
            return notes
        }
    }
}
