internal import AgentEvents
internal import AgentEventsClient
internal import AgentEventsProtocol
internal import ArgumentParser
internal import Foundation
internal import UnixSignals

/// Runs a feed for a command: prints the ids of what is committed, leaves on a signal, and says how it ended.
struct FeedRun {
    let feed: EventFeed
    /// The name of the input in messages.
    let inputName: String

    /// - Parameter produce: offers the events of the input.
    func run(_ produce: @escaping @Sendable (EventFeed) async throws -> Void) async throws {
        do {
            try await heedingSignals {
                try await feed.run(producing: produce) { cursors in
                    for cursor in cursors { try StandardOutput.write(cursor.description) }
                } noting: { error in
                    StandardError.write("\(error.message); connecting again")
                }
            }
        } catch let failure as EmitFailure {
            throw exit(for: failure)
        } catch let error as InputError {
            throw ProgramExit.wrong(error.message + (committed.map { "; \($0)" } ?? ""))
        } catch is OutputClosedError {
            throw ProgramExit.wrong("the ids cannot be written, so nothing further was sent" + soFar)
        }
        if feed.isInterrupted {
            StandardError.write("interrupted" + (committed.map { ": \($0)" } ?? ": no event was taken"))
        } else if feed.progress.committedCount == 0 {
            throw ProgramExit.wrong("there is no event in \(inputName): nothing was emitted")
        }
    }

    /// The first signal ends the input, the second one the program.
    private func heedingSignals(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask {
                for await _ in signals {
                    if feed.isInterrupted { _exit(130) }
                    feed.interrupt()
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    // MARK: Words

    private func exit(for failure: EmitFailure) -> ExitCode {
        switch failure {
        case .refused(let refusal, let lines):
            var text = "\(Self.place(lines)): \(Self.text(refusal))"
            if lines.count > 1, committed != nil { text += "; none of these lines was logged" }
            return ProgramExit.wrong(text + soFar)
        case .tooLarge(let line, let byteCount, let maximum):
            return ProgramExit.wrong(
                "line \(line): the event has \(byteCount) bytes, and the message that it is sent in may have \(maximum)"
                    + soFar)
        case .unavailable(let error, let duration?):
            let seconds = duration / .seconds(1)
            let rounded = seconds.rounded()
            let time =
                abs(seconds - rounded) < 0.1 || seconds > 10 ? "\(Int(rounded))" : "\((seconds * 10).rounded() / 10)"
            return ProgramExit.unavailable("\(error.message); gave up after \(time) s" + soFar)
        case .unavailable(let error, nil):
            let hasBegun = feed.progress.committedCount > 0 || feed.progress.unanswered != nil
            return ClientFailure.exit(for: error, adding: hasBegun ? soFar : "")
        }
    }

    private var committed: String? {
        let progress = feed.progress
        guard let line = progress.lastCommittedLine else { return nil }
        let events = progress.committedCount == 1 ? "1 event is" : "\(progress.committedCount) events are"
        return "\(events) committed, up to line \(line)"
    }

    /// A clause that says how many events are in the log, and how many may be.
    private var soFar: String {
        var text = "; \(committed ?? "no event is committed")"
        if let unanswered = feed.progress.unanswered {
            let subject = unanswered.count == 1 ? "was" : "were"
            text += "; \(Self.place(unanswered)) \(subject) sent and not answered, and may be committed too"
        }
        return text
    }

    private static func place(_ lines: ClosedRange<Int>) -> String {
        lines.count == 1 ? "line \(lines.lowerBound)" : "lines \(lines.lowerBound) to \(lines.upperBound)"
    }

    private static func text(_ refusal: ProtocolError) -> String {
        var text = "\(refusal.code): \(refusal.message)"
        // The service's message may say it all already.
        if let state = refusal.state, !text.contains(state) { text += " (state: \(state))" }
        if let legal = refusal.legal, !legal.isEmpty {
            let list = legal.joined(separator: ", ")
            if !text.contains(list) { text += " (legal now: \(list))" }
        }
        return text
    }
}
