public import AgentEvents

extension AgentRun {
    /// Carries out the calls of a model's answer, all at once, and returns when each has its result in the log.
    ///
    /// All calls are opened, with their questions, before the first of them begins, so they stand together in the transcript; the
    /// body of a tool that is not repeatable begins after the commit of its call. A
    /// call that fails, is denied or takes too long, one of a tool that there is not, and one with arguments that do not fit or
    /// are not JSON has a result that says so: it is for the model, and no error here.
    ///
    /// - Parameters:
    ///   - calls: the calls, as ``turn(of:on:question:instructions:tools:maximumOutputTokens:retries:)`` gives them.
    ///   - tools: the tools that there are.
    /// - Throws: `CancellationError` when the task is cancelled, such as when the run was stopped; ``AgentEventsError`` when
    ///   the run has ended, or the log fails.
    public func execute(_ calls: [ModelCall], with tools: [Tool]) async throws {
        var prepared: [PreparedCall] = []
        for call in calls { prepared.append(try await PreparedCall(call, in: self, tools)) }
        try await finish(prepared)
    }

    func finish(_ calls: [PreparedCall]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for call in calls { group.addTask { try await call.finish(in: self) } }
            try await group.waitForAll()
        }
        try Task.checkCancellation()
    }
}

/// A call that is open, and what ends it.
struct PreparedCall: Sendable {
    private enum Work: Sendable {
        /// - Parameter question: the question to be asked first, where none was asked when the call was opened.
        case run(Tool, ToolApproval.Denial, question: ToolApproval?)
        case refuse(any CodedError)
    }

    private let call: ResumedCall
    private let work: Work

    /// Opens a call.
    init(_ call: ModelCall, in run: AgentRun, _ tools: [Tool]) async throws(AgentEventsError) {
        let name = try? ToolName(call.tool)
        let tool = name.flatMap { name in tools.first { $0.name == name } }
        let arguments: JSONValue
        switch call.arguments {
        case .json(let value): arguments = value
        case .unreadable(let text): arguments = .string(String(text.prefix(Self.keptCount)))
        }
        var approval: ToolApproval?
        let work: Work
        if let tool, case .json(let value) = call.arguments {
            do throws(ToolArgumentsError) {
                approval = try await tool.approval(value)
                work = .run(tool, approval?.onDenied ?? .throwError, question: nil)
            } catch {
                work = .refuse(error)
            }
        } else if tool == nil {
            work = .refuse(ToolRefusal.unknown(name: call.tool, known: tools.map(\.name)))
        } else {
            work = .refuse(ToolRefusal.unreadable)
        }
        var executing = ToolExecuting(callID: run.identifiers.callID(), tool: name ?? "unknown", arguments: arguments)
        if let opened = try await Self.open(executing, approval, in: run) {
            self.call = opened
            self.work = work
        } else {
            executing.arguments = "…"
            self.call = try await run.open(executing)
            self.work = .refuse(ToolRefusal.unreadable)
        }
    }

    /// The bytes of arguments that are not JSON, as far as they are logged.
    private static let keptCount = 4096

    /// - Returns: `nil` when what the model wrote is too large or too deep for an event.
    private static func open(
        _ executing: ToolExecuting,
        _ approval: ToolApproval?,
        in run: AgentRun
    ) async throws(AgentEventsError) -> ResumedCall? {
        do throws(AgentEventsError) {
            return try await run.open(executing, asking: approval)
        } catch {
            guard case .wire = error.code.value else { throw error }
            return nil
        }
    }

    /// A call that another process has opened.
    init(_ call: ResumedCall, _ tools: [Tool]) async {
        self.call = call
        guard let tool = tools.first(where: { $0.name == call.tool }) else {
            work = .refuse(ToolRefusal.unknown(name: call.tool.rawValue, known: tools.map(\.name)))
            return
        }
        do throws(ToolArgumentsError) {
            let approval = try await tool.approval(call.arguments)
            // The tool may ask only since the process was started anew.
            work = .run(tool, approval?.onDenied ?? .throwError, question: call.approval == nil ? approval : nil)
        } catch {
            work = .refuse(error)
        }
    }

    /// Runs the body and ends the call. What the body throws is the call's result.
    fileprivate func finish(in run: AgentRun) async throws {
        do {
            switch work {
            case .run(let tool, let denial, let question):
                // What may not happen twice begins after its call is in the log: a process that dies in between leaves no trace of it.
                if !tool.isRepeatable { try await run.flush() }
                try await tool.finish(run, call, denial, question)
            case .refuse(let refusal):
                try await run.finish(call, timeout: nil) { (_: ToolCall) async throws -> Void in throw refusal }
            }
        } catch {
            guard !Task.isCancelled else { throw error }
            // Mostly the call has its result, and this changes nothing. It has none when the result of the body does not fit into an
            // event. What only a child of this run has run into ends nothing here; when this run has ended, or the log takes
            // nothing, this throws, or the next step does.
            try await run.fail(call, ToolFailure(ending: error))
        }
    }
}

extension ToolFailure {
    /// The failure of a call whose body has ended, and that has no result.
    fileprivate init(ending error: any Error) {
        let coded = error as? any CodedError
        if let unlogged = error as? AgentEventsError, case .wire = unlogged.code.value {
            self.init(code: "tool.result_unfit", message: unlogged.message)
        } else {
            self.init(code: coded?.eventCode ?? "error", message: coded?.eventMessage ?? "\(error)")
        }
    }
}
