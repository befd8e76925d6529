package import AgentEvents

/// Counts the agents that still work although their runs have ended, and says which of them have to be named.
///
/// ```
///                 ended                      time: over                     returned
/// (not counted) ────────> counted at a time ────────────> counted, named ───────────> (not counted)
///                             └───────────────── returned ────────────────────────────────^
/// ```
///
/// They have been cancelled; how soon they return is theirs. They do no harm but to whoever pays for them.
package struct StuckBodiesStateMachine: Sendable {
    private let patience: Duration
    /// The time at which a body is named; `nil` once it was.
    private var bodies: [RunID: Duration?] = [:]

    /// - Parameter patience: the time after which a body is named.
    package init(patience: Duration) { self.patience = patience }

    /// The number of bodies whose runs have ended.
    package var count: Int { bodies.count }

    /// A run has ended, and its body has not returned.
    ///
    /// - Parameter run: one id of a body.
    package mutating func ended(_ run: RunID, at now: Duration) { bodies[run] = .some(now + patience) }

    /// A body has returned.
    ///
    /// - Returns: whether it was counted.
    package mutating func returned(_ run: RunID) -> Bool { bodies.removeValue(forKey: run) != nil }

    /// Some time has passed.
    ///
    /// - Returns: the bodies to name now, and how long nothing has to be looked at; `nil` for until another one ends.
    package mutating func time(_ now: Duration) -> (named: [RunID], rest: Duration?) {
        var named: [RunID] = []
        var rest: Duration?
        for (run, time) in bodies {
            guard let time else { continue }
            if time <= now {
                named.append(run)
                bodies[run] = .some(nil)
            } else {
                rest = min(rest ?? time - now, time - now)
            }
        }
        return (named.sorted { $0.rawValue < $1.rawValue }, rest)
    }
}
