import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Hummingbird
import HummingbirdCore

/// Answers requests of AG-UI for runs, each with a stream.
struct AGUIRuns: Sendable {
    let interface: HTTPInterface<BasicRequestContext>

    private var hub: AgentEventsHub { interface.hub }

    /// Has an agent answer a message, or go on with the answers to what it asked; or attaches to the run that was asked for with the
    /// same `runId` before.
    ///
    /// - Throws: ``ProtocolError`` for what has an answer of HTTP; other refusals are streams with `RUN_ERROR`.
    func run(_ request: Request, agent: AgentName) async throws -> Response {
        let principal = try await interface.principal(of: request)
        let input = try AGUIInput(try await PostedBody.bytes(of: request, interface))
        let thread = try input.thread
        let place = Place(input: input, thread: thread, principal: principal)
        do throws(ProtocolError) {
            if let answers = input.answers { return try await resume(place, answers) }
            return try await begin(place, agent)
        } catch {
            guard Self.isTold(error) else { throw error }
            return refusal(error, place)
        }
    }

    /// A request, and who makes it.
    private struct Place: Sendable {
        let input: AGUIInput
        let thread: ThreadID
        let principal: Principal

        func machine(_ root: RunID?, after start: UInt64, isJoin: Bool) -> AGUIStateMachine {
            AGUIStateMachine(
                input.dialect, thread: input.threadName, run: input.runName, root: root, start: start, isJoin: isJoin)
        }
    }

    /// True if the code of a page receives a refusal as an event: one that concerns the thread, and not the person who asks.
    private static func isTold(_ error: ProtocolError) -> Bool {
        switch error.status.code {
        case 400, 409, 410, 422: true
        default: error.code == .runUnknown || error.code == .approvalUnknown || error.code == .approvalForbidden
        }
    }

    private func stream(_ place: Place) -> TranslatedStream {
        TranslatedStream(hub: hub, principal: place.principal, thread: place.thread)
    }

    private func refusal(_ error: ProtocolError, _ place: Place) -> Response {
        let events = AGUIEvents(dialect: place.input.dialect, thread: place.input.threadName, run: place.input.runName)
        return stream(place).whole([events.runStarted(), events.failed(error.message, code: error.code.rawValue)])
    }

    // MARK: Beginning

    private func begin(_ place: Place, _ agent: AgentName) async throws(ProtocolError) -> Response {
        guard let message = place.input.message else { throw Self.hasNoMessage }
        let answer = try await submit(message, agent, place)
        guard let run = answer.run, let cursor = answer.cursors.first else {
            throw ProtocolError(.runUnknown, "the run of this runId is not kept any longer", threadID: place.thread)
        }
        let isNew = !answer.isRepeated && answer.status != .given
        guard isNew else { return try await join(place, run, after: cursor.sequence) }
        return try await follow(place, run, after: cursor.sequence, isJoin: false, upTo: cursor.sequence)
    }

    private static var hasNoMessage: ProtocolError {
        ProtocolError(.requestInvalid, "the last one of the messages is a user's, with a text", path: "$.messages")
    }

    /// Has a message answered, or answered again when the thread has it from another `runId`.
    private func submit(
        _ message: AGUIInput.Message,
        _ agent: AgentName,
        _ place: Place
    ) async throws(ProtocolError) -> MessageIntake.Answer {
        let key = try place.input.key
        let intake = hub.intake
        if try await !intake.knows(key, in: place.thread, from: place.principal) {
            let state = try await state(of: place)
            let isKnown = try await intake.knowsStart(key, in: place.thread, from: place.principal)
            let refusal =
                place.input.isMessageLast ? state.flatMap(AGUIResumption.refusal(whileOpen:)) : Self.hasNoMessage
            if let refusal, !isKnown { throw refusal }
            if let run = try await answered(message, state, place) {
                var request = StartRequest(agent: agent, retryOf: run)
                request.waitsForAnswers = true
                return try await intake.start(request, key: key, in: place.thread, from: place.principal)
            }
            if isKnown {
                throw ProtocolError(
                    .keyConflict, "this runId came before, with another message", threadID: place.thread)
            }
        }
        var request = MessageRequest(text: message.text, agent: agent, data: place.input.messageData)
        request.waitsForAnswers = true
        return try await intake.submit(request, key: key, in: place.thread, from: place.principal)
    }

    /// The run that has answered a message first; `nil` for a message that is new.
    private func answered(
        _ message: AGUIInput.Message,
        _ state: ThreadState?,
        _ place: Place
    ) async throws(ProtocolError) -> RunID? {
        guard let state, let repetition = AGUIRepetition(message, from: place.principal.user), repetition.isIn(state)
        else { return nil }
        return try await noting(place, in: repetition).0.run
    }

    /// - Returns: `nil` for a thread that is not there.
    private func state(of place: Place) async throws(ProtocolError) -> ThreadState? {
        do {
            return try await hub.state(of: place.thread, for: place.principal)
        } catch let error as ProtocolError {
            if error.code == .threadUnknown { return nil }
            throw error
        } catch {
            throw ProtocolError(.internalFailure, "the thread cannot be looked up", isRetryable: true)
        }
    }

    /// Comes in while a run is under way, or after its end.
    private func join(
        _ place: Place,
        _ root: RunID?,
        after start: UInt64
    ) async throws(ProtocolError) -> Response {
        try await follow(place, root, after: start, isJoin: true, upTo: .max)
    }

    /// Notes what the thread has, since snapshots tell all of it, and follows what comes next.
    private func follow(
        _ place: Place,
        _ root: RunID?,
        after start: UInt64,
        isJoin: Bool,
        upTo end: UInt64
    ) async throws(ProtocolError) -> Response {
        let (machine, cursor) = try await noting(
            place, in: place.machine(root, after: start, isJoin: isJoin), upTo: end)
        // Nothing of it may be told before the message, and after it nothing may be kept.
        if isJoin, let root, !machine.knowsItsRun {
            let state = try await state(of: place)
            guard state?.openRuns.contains(where: { $0.runID == root }) == true else {
                throw ProtocolError(
                    .runUnknown, "this run has ended, and is not kept any longer", threadID: place.thread)
            }
        }
        return stream(place).response(machine, after: cursor)
    }

    private func noting<Translation: StreamTranslation>(
        _ place: Place,
        in translation: Translation,
        upTo end: UInt64 = .max
    ) async throws(ProtocolError) -> (Translation, Cursor?) {
        do {
            return try await ThreadPart.noting(
                place.thread, in: translation, of: hub, for: place.principal, upTo: end)
        } catch let error as ProtocolError {
            throw error
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: place.thread)
        } catch {
            throw ProtocolError(.internalFailure, "the thread cannot be read", isRetryable: true)
        }
    }

    // MARK: Answers

    private func resume(_ place: Place, _ answers: [AGUIInput.Answer]) async throws(ProtocolError) -> Response {
        guard let state = try await state(of: place) else { throw .unknown(place.thread) }
        switch AGUIResumption.decide(answers, in: state, at: hub.runtime.environment.wallClock.now()) {
        case .refuse(let error):
            throw error
        case .give(let given, let run, let known, let parts):
            var start = known?.sequence ?? 0
            if !parts.isEmpty {
                let (questions, _) = try await noting(place, in: AGUIQuestions(of: parts.map(\.root)))
                for part in parts { if let refusal = questions.refusal(of: part) { throw refusal } }
            }
            // All of them are within the limit, or none is given.
            for _ in given {
                if let refusal = hub.usage.command(of: place.principal, in: place.thread) { throw refusal }
            }
            for one in given {
                let body = CommandBody(
                    .answer(
                        AnswerCommand(one.question.approval, isApproved: one.answer.isApproved, data: one.answer.data)),
                    run: one.question.run)
                let answer = try await hub.commands.submit(
                    CommandRequest(thread: place.thread, key: try place.input.key(of: one.answer), body),
                    as: place.principal)
                for cursor in answer.cursors { start = max(start, cursor.sequence) }
            }
            return try await join(place, state.root(of: run), after: start)
        }
    }

    // MARK: Connecting

    /// Shows a thread, and follows the run that is under way in it.
    func connect(_ request: Request) async throws -> Response {
        let principal = try await interface.principal(of: request)
        let input = try AGUIInput(try await PostedBody.bytes(of: request, interface))
        let place = Place(input: input, thread: try input.thread, principal: principal)
        guard let state = try await state(of: place) else { return stream(place).whole([]) }
        return try await join(place, state.workingRun, after: state.cursor?.sequence ?? 0)
    }
}
