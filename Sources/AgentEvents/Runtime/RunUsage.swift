import Synchronization

/// The tokens that a run has used so far; see ``AgentRun/usage``.
///
/// A handle: all copies of it, and all handles of the run, are about the same tokens. Several tasks may add at once,
/// and nothing that is added is lost.
public struct RunUsage: Sendable {
    private let storage: Storage

    init() { storage = Storage() }

    /// The run's own tokens so far; empty at the start of the run. Setting it replaces what was there.
    public var tokens: TokenUsage {
        get { storage.tokens.withLock { $0.own } }
        nonmutating set { storage.tokens.withLock { $0.own = newValue } }
    }

    /// The run's own tokens and those of its child runs that have ended, as their ends say them. At the end of the run this
    /// is the sum over the whole tree of runs.
    public var total: TokenUsage {
        storage.tokens.withLock { tokens in
            var total = tokens.ofChildren
            total += tokens.own
            for answer in tokens.ofAnswers.values { total += answer }
            return total
        }
    }

    /// Adds tokens, in one step; how two are added says ``TokenUsage/+=(_:_:)``.
    public static func += (usage: inout RunUsage, more: TokenUsage) {
        usage.storage.tokens.withLock { $0.own += more }
    }

    /// Takes over the run's own tokens of another run, unless it is the same one.
    func take(from other: RunUsage) {
        if storage !== other.storage { tokens = other.tokens }
    }

    /// Counts the tokens of a model's answer that is under way, in the place of what was counted of it before: for the case that the
    /// run ends before they are reported (``AgentRun/reportUsage(_:of:)``).
    package func count(_ report: UsageReported, of answer: MessageID) {
        let tokens = TokenUsage(
            inputTokens: report.inputTokens, outputTokens: report.outputTokens,
            other: report.isEstimated ? ["estimated": true] : [:])
        storage.tokens.withLock { $0.ofAnswers[answer] = tokens }
    }

    /// The tokens of an answer are about to be reported.
    ///
    /// - Returns: what is counted of them no longer.
    func take(_ answer: MessageID) -> TokenUsage? {
        storage.tokens.withLock { $0.ofAnswers.removeValue(forKey: answer) }
    }

    /// There is nothing to report of an answer.
    package func settle(_ answer: MessageID) { _ = take(answer) }

    /// They were not reported.
    func putBack(_ tokens: TokenUsage, of answer: MessageID) {
        storage.tokens.withLock { $0.ofAnswers[answer] = tokens }
    }

    /// Child runs have ended.
    ///
    /// - Parameter tokens: what their ends say.
    func add(ofChildren tokens: TokenUsage) { storage.tokens.withLock { $0.ofChildren += tokens } }

    private struct Tokens {
        var own = TokenUsage()
        var ofChildren = TokenUsage()
        /// Of the answers of models that are under way.
        var ofAnswers: [MessageID: TokenUsage] = [:]
    }

    private final class Storage: Sendable {
        let tokens = Mutex(Tokens())
    }
}

extension TokenUsage {
    /// Adds the tokens of another call of a model.
    ///
    /// Counts are added, up to the largest that there is; one that only one of the two has stays as it is. Of
    /// ``other``, members that are integers in both are added, objects member by member; of any other member the newer
    /// value counts, since what a price or a name adds up to is not known here.
    public static func += (usage: inout TokenUsage, more: TokenUsage) {
        usage.inputTokens = sum(usage.inputTokens, more.inputTokens)
        usage.outputTokens = sum(usage.outputTokens, more.outputTokens)
        usage.other = sum(usage.other, more.other)
    }

    static func sum(_ one: Int64?, _ other: Int64?) -> Int64? {
        guard let one, let other else { return one ?? other }
        return sum(one, other)
    }

    static func sum(_ one: Int64, _ other: Int64) -> Int64 {
        let (sum, overflows) = one.addingReportingOverflow(other)
        return overflows ? (other > 0 ? .max : .min) : sum
    }

    private static func sum(_ one: JSONObject, _ other: JSONObject) -> JSONObject {
        var result = one
        for (key, value) in other { result[key] = result[key].map { sum($0, value) } ?? value }
        return result
    }

    private static func sum(_ one: JSONValue, _ other: JSONValue) -> JSONValue {
        switch (one, other) {
        case (.number(let first), .number(let second)):
            guard let first = first.integer, let second = second.integer else { return other }
            return .number(JSONNumber(sum(first, second)))
        case (.object(let first), .object(let second)):
            return .object(sum(first, second))
        default:
            return other
        }
    }
}

extension EventPayload {
    /// The tokens that the end of a run says; `nil` when it says none, and for another event.
    package var usage: TokenUsage? {
        switch self {
        case .agentCompleted(let completed): completed.usage
        case .agentFailed(let failed): failed.usage
        case .agentCancelled(let cancelled): cancelled.usage
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .userMessage, .stateUpdated, .custom, .unknown:
            nil
        }
    }

    /// The end of a run with the tokens that it used; `nil` for another event, and for an end that says itself what was
    /// used.
    func with(_ usage: TokenUsage) -> EventPayload? {
        switch self {
        case .agentCompleted(var completed) where completed.usage == nil:
            completed.usage = usage
            return .agentCompleted(completed)
        case .agentFailed(var failed) where failed.usage == nil:
            failed.usage = usage
            return .agentFailed(failed)
        case .agentCancelled(var cancelled) where cancelled.usage == nil:
            cancelled.usage = usage
            return .agentCancelled(cancelled)
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .userMessage,
            .stateUpdated, .custom, .unknown:
            return nil
        }
    }

    /// Whether the event ends a run that did not end well. It is never refused for what it tells besides (I7).
    var isForcedEnd: Bool {
        switch self {
        case .agentFailed, .agentCancelled: true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .agentCompleted, .userMessage, .stateUpdated, .custom,
            .unknown:
            false
        }
    }
}

/// The tokens of children of a run that end with one emission.
struct ChildUsage: Sendable {
    /// The usage of the run; `nil` for one that is not one of a scope.
    let usage: RunUsage?
    /// The tokens in the events that end the children.
    var tokens = TokenUsage()

    /// Adds the tokens to those of the run.
    func count() { usage?.add(ofChildren: tokens) }
}
