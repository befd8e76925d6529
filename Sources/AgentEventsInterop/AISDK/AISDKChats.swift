import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// Answers the requests of the AI SDK's chat transport.
struct AISDKChats: Sendable {
    let interface: HTTPInterface<BasicRequestContext>

    private var hub: AgentEventsHub { interface.hub }

    /// A thread, and who asks for it.
    private struct Place: Sendable {
        let thread: ThreadID
        let principal: Principal
        let dialect: AISDKDialect
    }

    /// The parameter of the query by which a client before 6 says so.
    static let versionParameter = "version"

    private static func dialect(_ request: Request) -> AISDKDialect {
        request.uri.queryParameters.get(versionParameter) == "5" ? .version5 : .version6
    }

    /// Pages show the text of a refusal as it is.
    private func spoken(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let error as ProtocolError {
            return Response(
                status: error.status, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: error.message)))
        }
    }

    private func stream(_ place: Place) -> TranslatedStream {
        var stream = TranslatedStream(
            hub: hub, principal: place.principal, thread: place.thread, ending: AISDKChunks.ending)
        if let name = HTTPField.Name("x-vercel-ai-ui-message-stream") { stream.headers[name] = "v1" }
        return stream
    }

    // MARK: Posting

    /// `POST {api}`: a message, an answer, or the wish for another answer.
    func post(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        try await spoken {
            let agent = try AgentPath.agent(context, interface)
            let principal = try await interface.principal(of: request)
            let input = try AISDKInput(try await PostedBody.bytes(of: request, interface))
            let place = Place(thread: input.thread, principal: principal, dialect: Self.dialect(request))
            switch input.kind {
            case .message(let message): return try await send(message, agent, place)
            case .answers(let answers, let message, let end):
                return try await answer(answers, of: message, after: end, place)
            case .regenerate(let message, let last): return try await regenerate(message, last, agent, place)
            }
        }
    }

    /// - Throws: ``ProtocolError`` `thread.busy` while a question is open: a client can answer only in its last message.
    private func send(
        _ message: AISDKInput.Message,
        _ agent: AgentName,
        _ place: Place
    ) async throws -> Response {
        let key = try AISDKMember.key(of: message)
        // The same when it comes again.
        let edited = try await state(of: place)?.message(
            named: message.id, before: hub.intake.message(of: key, in: place.thread, from: place.principal))
        let data: JSONValue = [AISDKMember.data: [AISDKMember.messageID: .string(message.id)]]
        var request = MessageRequest(text: message.text, agent: agent, data: data, replaces: edited?.messageID)
        request.waitsForAnswers = true
        let answer = try await hub.intake.submit(request, key: key, in: place.thread, from: place.principal)
        return try await follow(answer, place)
    }

    /// - Returns: `nil` for a thread that is not there.
    private func state(of place: Place) async throws -> ThreadState? {
        do {
            return try await hub.state(of: place.thread, for: place.principal)
        } catch let error as ProtocolError where error.code == .threadUnknown {
            return nil
        }
    }

    private func regenerate(
        _ name: String?,
        _ last: AISDKInput.Message?,
        _ agent: AgentName,
        _ place: Place
    ) async throws -> Response {
        // A page that could not send a message tries again so.
        if let last,
            try await !hub.intake.knows(AISDKMember.key(of: last), in: place.thread, from: place.principal)
        {
            return try await send(last, agent, place)
        }
        let state = try await hub.state(of: place.thread, for: place.principal)
        switch AISDKRegeneration.decide(name == last?.id ? nil : name, in: state) {
        case .replay(let run):
            return try await replay(run, place)
        case .redo(let run):
            let answer = try await hub.intake.start(
                StartRequest(agent: agent, retryOf: run),
                key: try AISDKInput.identifier("ai-sdk/regenerate/\(run)", "messageId"), in: place.thread,
                from: place.principal)
            return try await follow(answer, place)
        case .refuse(let error):
            throw error
        }
    }

    /// One that came again gets all of its message; one that a run under way is given, what comes from then on.
    private func follow(_ answer: MessageIntake.Answer, _ place: Place) async throws -> Response {
        guard let run = answer.run, let first = answer.cursors.first else {
            throw ProtocolError(.runUnknown, "the run of this message is not kept any longer")
        }
        switch answer.status {
        case .given?:
            let name = "\(run)/\(first)"
            let machine = AISDKStateMachine(place.dialect, root: run, message: name, waitsFrom: first.sequence)
            let (noted, cursor) = try await ThreadPart.noting(
                place.thread, in: machine, of: hub, for: place.principal, upTo: first.sequence)
            return stream(place).response(noted, after: cursor)
        case .started?, .queued?, nil:
            guard answer.isRepeated else {
                let start = try await PlaceBeforeRun.find(run, in: place.thread, of: hub, for: place.principal)
                return stream(place).response(
                    AISDKStateMachine(place.dialect, root: run, message: run.rawValue, waitsFrom: first.sequence),
                    after: start.cursor)
            }
            return try await replay(run, place)
        }
    }

    /// The whole message of a run, from its start.
    private func replay(_ run: RunID, _ place: Place) async throws -> Response {
        let start = try await PlaceBeforeRun.find(run, in: place.thread, of: hub, for: place.principal)
        let machine = AISDKStateMachine(
            place.dialect, root: run, message: run.rawValue, waitsFrom: start.head.sequence)
        return stream(place).response(machine, after: start.cursor)
    }

    // MARK: Answers

    /// Nothing of the client's messages is believed but the ids and the decisions, and these for what is open in the log.
    private func answer(
        _ answers: [AISDKInput.Answer],
        of message: String?,
        after end: Cursor?,
        _ place: Place
    ) async throws -> Response {
        let state = try await hub.state(of: place.thread, for: place.principal)
        var start: UInt64 = 0
        var root: RunID?
        var given: [(ThreadState.Approval, AISDKInput.Answer)] = []
        for answer in answers {
            let isAsked = { (run: RunID, approval: ApprovalID) in
                StreamNames.interrupt(approval, of: run) == answer.approval
            }
            if let approval = state.approvals.first(where: { isAsked($0.runID, $0.approvalID) }) {
                given.append((approval, answer))
                root = state.root(of: approval.runID)
            } else if let approval = state.resolvedApprovals.last(where: { isAsked($0.runID, $0.approvalID) }) {
                start = max(start, approval.cursor.sequence)
                root = root ?? state.root(of: approval.runID)
            }
        }
        guard let root else {
            throw ProtocolError(.approvalUnknown, "nothing was asked here that these messages answer")
        }
        if given.isEmpty, !state.openRuns.contains(where: { $0.runID == root }) {
            // It has ended, and its end is there if its beginning is.
            _ = try await PlaceBeforeRun.find(root, in: place.thread, of: hub, for: place.principal)
        }
        // All of them are within the limit, or none is given.
        for _ in given {
            if let refusal = hub.usage.command(of: place.principal, in: place.thread) { throw refusal }
        }
        for (approval, answer) in given {
            let body = CommandBody(
                .answer(AnswerCommand(approval.approvalID, isApproved: answer.isApproved)), run: approval.runID)
            let key: IdempotencyKey = try AISDKInput.identifier("ai-sdk/answer/\(answer.approval)", "messages")
            let accepted = try await hub.commands.submit(
                CommandRequest(thread: place.thread, key: key, body), as: place.principal)
            start = max(start, accepted.cursors.last?.sequence ?? 0)
        }
        // The answer to a message that was given to the run has an id of its own.
        let name = message.flatMap { $0.hasPrefix("\(root)/") ? $0 : nil } ?? root.rawValue
        return try await goOn(root, name, answeredAt: start, after: min(end?.sequence ?? start, start), place)
    }

    /// A continuation of the message of a run, after an answer.
    ///
    /// - Parameters:
    ///   - name: the id of the message.
    ///   - answer: the number of the last answer's event.
    ///   - end: the number of the event with which the part ended that the client has. A run may have done more since then: what it
    ///     began beside the question.
    private func goOn(
        _ root: RunID,
        _ name: String,
        answeredAt answer: UInt64,
        after end: UInt64,
        _ place: Place
    ) async throws -> Response {
        let machine = AISDKStateMachine(place.dialect, root: root, message: name, waitsFrom: answer + 1)
        let (noted, cursor) = try await ThreadPart.noting(
            place.thread, in: machine, of: hub, for: place.principal, upTo: end)
        return stream(place).response(noted, after: cursor)
    }

    // MARK: Resuming

    /// `GET {api}/{chat}/stream`: the message that is under way, or waits for an answer. With nothing to resume, for a thread that may
    /// not be known, and for a run whose beginning is not there to be told, 204.
    func resume(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        try await spoken {
            let principal = try await interface.principal(of: request)
            let thread: ThreadID = try interface.identifier("chat", of: context, "the chat in the path")
            let place = Place(thread: thread, principal: principal, dialect: Self.dialect(request))
            do {
                let state = try await hub.state(of: thread, for: principal)
                guard let run = state.resumableRun else { return Response(status: .noContent) }
                return try await replay(run, place)
            } catch let error as ProtocolError where error.isHidingThread || error.code == .runUnknown {
                return Response(status: .noContent)
            }
        }
    }

    /// `GET {api}/{chat}/messages`: what a page begins with.
    func messages(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        try await spoken {
            let principal = try await interface.principal(of: request)
            let thread: ThreadID = try interface.identifier("chat", of: context, "the chat in the path")
            do {
                let (history, _) = try await ThreadPart.noting(
                    thread, in: AISDKHistory(Self.dialect(request)), of: hub, for: principal)
                return interface.answer(.ok, history.json)
            } catch let error as ProtocolError where error.isHidingThread {
                return interface.answer(.ok, [])
            }
        }
    }

    /// `POST {api}/{chat}/stop`: ends the runs of a thread.
    func stop(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        try await spoken {
            let principal = try await interface.principal(of: request)
            let thread: ThreadID = try interface.identifier("chat", of: context, "the chat in the path")
            if let refusal = hub.usage.command(of: principal, in: thread) { throw refusal }
            do throws(ProtocolError) {
                _ = try await hub.commands.submit(
                    CommandRequest(
                        thread: thread, key: try StopKey.next(of: hub), CommandBody(.run(.stop, reason: nil))),
                    as: principal)
            } catch {
                guard error.isNothingToStop else { throw error }
            }
            return interface.answer(.ok, ["success": true])
        }
    }
}

extension ProtocolError {
    /// Whether it is the answer about a thread that is not there, or of which the user may not know.
    fileprivate var isHidingThread: Bool {
        code == .threadUnknown || code == .threadForbidden || code == .threadDeleted
    }
}
