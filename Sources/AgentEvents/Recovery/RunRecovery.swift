/// The process or the worker that worked for a run, and is gone.
enum LostHost: Sendable {
    case process
    /// One outside, which had a lease.
    case worker
}

/// Decides what becomes of the open runs of a process that is gone, or about to go. Nothing is changed by it.
///
/// ```
/// run without a parent       never            again                          resume
/// queued                     keep             keep                           keep
/// running                    end              end, queue the next attempt    keep: close what broke off, pause
/// waiting for a person       end              end, queue the next attempt    keep
/// paused by a person         end              end, queue the next attempt    keep
/// paused by an earlier loss  end              end, queue the next attempt    keep
/// ```
///
/// A process that is about to go ends a run that is done again as well, as cancelled: its agent has had its time. A run has
/// three attempts; one that would need a further one ends. An attempt that ended with a process which stopped in order does
/// not count: however often a service is deployed, its runs continue. Of a run that is kept, these break off:
///
/// ```
/// call:   waits for its answer ── stays      approved, not begun ── stays      tool repeatable ── stays
///         refused ── denied                  else ── failed, tool.lost: it may have happened
/// child:  its agent resumes, and its call stays ── stays, as its parent does   else ── cancelled
/// ```
///
/// A run that waits for a person, and of which something breaks off, waits no longer: it is paused like a running one.
package enum RunRecovery {
    /// A run has this many attempts.
    package static let maximumAttempts = 3
    /// The shortest time from the beginning of an attempt to that of the next.
    package static let intervalMilliseconds: Int64 = 10_000

    package enum Cause: CaseIterable, Sendable {
        /// The process is gone: decided when the log is opened again.
        case loss
        /// The process goes, and its agents have had their time.
        case shutdown
    }

    /// The settings of an agent.
    package struct Policy: Hashable, Sendable {
        package var mode: RestartMode
        /// The tools whose bodies may run again for the same call.
        package var repeatableTools: Set<ToolName>

        package init(_ mode: RestartMode = .never, repeatableTools: Set<ToolName> = []) {
            self.mode = mode
            self.repeatableTools = repeatableTools
        }
    }

    package enum Status: CaseIterable, Hashable, Sendable {
        case queued
        case running
        case waiting
        /// By a person.
        case paused
        /// Since an earlier process is gone.
        case lost
    }

    /// An open run, with what is open in it.
    package struct Run: Hashable, Sendable {
        package var id: RunID
        package var agent: AgentName
        package var status: Status
        /// The number of the attempt that works, or worked last.
        package var attempt = 1
        /// The number of attempts that ended with a process which stopped in order.
        package var handedOverCount = 0
        /// When that attempt began; `nil` when nothing has to be waited for since.
        package var attemptTime: Timestamp?
        package var messages: [MessageID] = []
        package var calls: [Call] = []
        /// The runs below it, in the order of their first events.
        package var children: [Run] = []
        /// The call of its parent that it belongs to.
        package var parentCall: CallID?

        package init(_ id: RunID, agent: AgentName, _ status: Status) {
            self.id = id
            self.agent = agent
            self.status = status
        }

        /// The number of attempts that count.
        var countedAttempts: Int { attempt - handedOverCount }
    }

    /// An open call.
    package struct Call: Hashable, Sendable {
        package enum Status: Hashable, Sendable {
            /// Its body works, or may have begun.
            case working
            /// It waits for its approval.
            case asked
            /// It was approved while its run was paused, and has not begun.
            case held
            /// It was not approved, and has not begun.
            case refused(ApprovalDecision)
        }

        package var id: CallID
        package var tool: ToolName
        package var status: Status

        package init(_ id: CallID, tool: ToolName, _ status: Status) {
            self.id = id
            self.tool = tool
            self.status = status
        }
    }

    package enum Action: Hashable, Sendable {
        /// It stays open, after these events.
        case keep([Step])
        /// It ends.
        ///
        /// - Parameter attempts: the number of its attempts, when it ends because there were too many.
        case end(attempts: Int?)
        /// It ends, and another run does it again.
        case endAndRepeat(attempt: Int, notBefore: Timestamp?)
    }

    /// An event with which something in a run that is kept breaks off.
    package enum Step: Hashable, Sendable {
        case endChild(RunID)
        case interrupt(MessageID, RunID)
        /// - Parameter refusal: how its approval was refused; `nil` for a call whose body may have begun.
        case closeCall(CallID, ToolName, RunID, refusal: ApprovalDecision?)
        case pause(RunID)
    }

    /// Decides on a run without a parent.
    ///
    /// - Parameters:
    ///   - policy: the settings of an agent, by its name.
    ///   - time: now.
    package static func decide(
        _ run: Run,
        _ cause: Cause,
        policy: (AgentName) -> Policy,
        at time: Timestamp
    ) -> Action {
        guard run.status != .queued else { return .keep([]) }
        switch policy(run.agent).mode {
        case .never:
            return .end(attempts: nil)
        case .again(let attempts):
            guard cause == .loss else { return .end(attempts: nil) }
            guard run.countedAttempts < min(attempts, maximumAttempts) else {
                return .end(attempts: run.countedAttempts)
            }
            let next = run.attemptTime?.advanced(byMilliseconds: intervalMilliseconds)
            return .endAndRepeat(attempt: run.countedAttempts + 1, notBefore: next.flatMap { $0 > time ? $0 : nil })
        case .resume:
            if run.status == .waiting, steps(of: run, policy, pauses: false).isEmpty { return .keep([]) }
            // The next attempt would be one too many.
            guard run.status == .paused || cause == .shutdown || run.countedAttempts < maximumAttempts else {
                return .end(attempts: run.countedAttempts)
            }
            return .keep(steps(of: run, policy, pauses: true))
        }
    }

    /// The events with which a tree breaks off, innermost first. Of a run that was lost before, everything is closed, since
    /// nobody has worked for it.
    ///
    /// - Parameter pauses: whether those that work are interrupted and paused, or only what is lost in any case is closed.
    private static func steps(of run: Run, _ policy: (AgentName) -> Policy, pauses: Bool) -> [Step] {
        guard run.status != .lost else { return [] }
        let lost = lostCalls(of: run, policy)
        let isPaused = run.status == .paused || !pauses
        var steps: [Step] = []
        for child in run.children.reversed() {
            if isKept(child, lost, policy) {
                steps += self.steps(of: child, policy, pauses: pauses)
            } else {
                steps.append(.endChild(child.id))
            }
        }
        if !isPaused { steps += run.messages.map { .interrupt($0, run.id) } }
        steps += run.calls.filter { lost.contains($0.id) }.map { close($0, run) }
        if !isPaused { steps.append(.pause(run.id)) }
        return steps
    }

    private static func lostCalls(of run: Run, _ policy: (AgentName) -> Policy) -> Set<CallID> {
        let repeatable = policy(run.agent).repeatableTools
        return Set(
            run.calls.filter { call in
                switch call.status {
                case .asked, .held: false
                case .refused: true
                case .working: !repeatable.contains(call.tool)
                }
            }.map(\.id))
    }

    private static func isKept(_ child: Run, _ lost: Set<CallID>, _ policy: (AgentName) -> Policy) -> Bool {
        policy(child.agent).mode == .resume && !(child.parentCall.map(lost.contains) ?? false)
    }

    private static func close(_ call: Call, _ run: Run) -> Step {
        guard case .refused(let decision) = call.status else {
            return .closeCall(call.id, call.tool, run.id, refusal: nil)
        }
        return .closeCall(call.id, call.tool, run.id, refusal: decision)
    }
}
