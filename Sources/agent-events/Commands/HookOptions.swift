internal import AgentEvents
internal import AgentEventsFiles
internal import AgentEventsServer
internal import AgentEventsTokens
internal import ArgumentParser

/// The addresses to which other systems send what happens there.
struct HookOptions: ParsableArguments {
    /// The members of a file.
    private static let members = [
        "id", "secret_file", "user_id", "thread_id", "text", "input", "agent", "policy",
    ]
    private static let maximumByteCount = 256 * 1024

    @Option(
        name: .customLong("hook"),
        help: ArgumentHelp(
            """
            Take signed deliveries of another system at /v1/hooks/<id>, and make messages or runs of them. The file is JSON: id, \
            secret_file, user_id, thread_id, and text for a message or input for a run, each with {{places}} for what the body has; \
            agent and policy if wanted. May be repeated.
            """, valueName: "file"))
    var hooks: [String] = []

    /// The route for them; none without any.
    func extensions() throws -> [ServiceExtension] {
        guard !hooks.isEmpty else { return [] }
        var read: [IncomingHook] = []
        for path in hooks {
            let hook = try Self.hook(at: path)
            guard !read.contains(where: { $0.id == hook.id }) else {
                throw ProgramExit.usage("--hook \(path): there is another hook \(hook.id)")
            }
            read.append(hook)
        }
        return [.hooks(read)]
    }

    private static func hook(at path: String) throws -> IncomingHook {
        do {
            let bytes = try ConfiguredFile.read(path, maximumByteCount: maximumByteCount, isSecret: false)
            let json = try JSONValue(parsing: bytes)
            var members = try MemberReader(json, path: "$")
            if let name = members.object.keys.first(where: { !Self.members.contains($0) }) {
                throw ProgramExit.usage(
                    "--hook \(path): " + NearestName.problem(name, kind: "member", of: "a hook", known: Self.members))
            }
            let id: HookID = try members.identifier("id")
            let secretPath = try members.text("secret_file")
            let user: UserID = try members.identifier("user_id")
            let thread = try members.text("thread_id")
            let text = try members.textIfPresent("text")
            let input = try members.textIfPresent("input")
            let action: IncomingHook.Action
            switch (text, input) {
            case (let text?, nil): action = .message(text)
            case (nil, let input?): action = .start(input: input)
            case (nil, nil), (_?, _?):
                throw ProgramExit.usage(
                    "--hook \(path): a hook has text, for a message, or input, for a run, and not both")
            }
            let secret = try IncomingHook.secret(
                String(decoding: try KeyFile.secret(at: secretPath), as: UTF8.self))
            return try IncomingHook(
                id, secret: secret, user: user, thread: thread, action, agent: try members.nameIfPresent("agent"),
                policy: try members.choiceIfPresent("policy"))
        } catch let error as ConfiguredFile.ReadingError {
            throw ProgramExit.usage("--hook: \(error.message)")
        } catch let error as WireError {
            throw ProgramExit.usage("--hook \(path): \(error.path): \(error.problem)")
        } catch let error as TokenKeyError {
            throw ProgramExit.usage("--hook \(path): secret_file: \(error.message)")
        } catch let error as HookError {
            throw ProgramExit.usage("--hook \(path): \(error.message)")
        }
    }
}
