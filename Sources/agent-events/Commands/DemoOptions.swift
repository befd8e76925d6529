internal import AgentEvents
internal import AgentEventsHub
internal import AgentEventsModels
internal import AgentEventsTokens
internal import ArgumentParser

/// The options of `serve` for the demo agent.
struct DemoOptions: ParsableArguments {
    @Flag(
        name: .customLong("demo"),
        help: ArgumentHelp(
            "Serve the agent guide, which answers questions about a folder of text files, and asks before it reads one "
                + "that is named *secret* or larger than 256 KiB."))
    var isOn = false

    @Option(
        name: .customLong("demo-folder"),
        help: ArgumentHelp("The guide's folder. Default: the current one", valueName: "folder"))
    var folder: String?

    @Option(
        name: .customLong("demo-pace"),
        help: ArgumentHelp(
            "How many words of its answer the guide says in a second: slowly enough to pause or stop it meanwhile; 0 for as "
                + "fast as it can. Default: 8",
            valueName: "words"))
    var pace: Double?

    /// The restart modes of the guide, by their names on the command line.
    enum Restart: String, ExpressibleByArgument, CaseIterable {
        case never
        case again
        case resume

        var mode: RestartMode {
            switch self {
            case .never: .never
            case .again: .again()
            case .resume: .resume
            }
        }
    }

    @Option(
        name: .customLong("demo-restart"),
        help: ArgumentHelp(
            "What becomes of the guide's runs when the service dies: they end as lost, are done again, or are resumed. "
                + "Default: resume"))
    var restart: Restart?

    @Option(
        name: .customLong("model-url"),
        help: ArgumentHelp(
            "The address of a language model that answers in the place of the guide's script, before /chat/completions, such as "
                + "http://127.0.0.1:11434/v1: of any server that speaks the protocol of OpenAI. Default: none.",
            valueName: "url"))
    var modelURL: String?

    @Option(help: ArgumentHelp("The name of that model, as its server has it. Without it: default", valueName: "name"))
    var model: String?

    @Option(help: ArgumentHelp("The file with the key for that server. Default: none.", valueName: "file"))
    var modelKeyFile: String?

    static let defaultPace = 8.0
    static let defaultModel = "default"

    func validate() throws {
        if folder != nil, !isOn { throw ValidationError("--demo-folder needs --demo") }
        if pace != nil, !isOn { throw ValidationError("--demo-pace needs --demo") }
        if restart != nil, !isOn { throw ValidationError("--demo-restart needs --demo") }
        if modelURL != nil, !isOn { throw ValidationError("--model-url needs --demo") }
        if modelURL == nil, model != nil { throw ValidationError("--model needs --model-url") }
        if modelURL == nil, modelKeyFile != nil { throw ValidationError("--model-key-file needs --model-url") }
        if modelURL != nil, pace != nil {
            throw ValidationError("--demo-pace is that of the guide's script: a model of --model-url has its own")
        }
        guard let pace, pace != 0 else { return }
        guard (0.001...10_000).contains(pace) else {
            throw ValidationError("--demo-pace is 0, or from 0.001 to 10000 words a second")
        }
    }

    /// - Throws: ``ProgramExit`` when the folder is not there, or the model cannot be asked.
    func agents() throws -> [any ServedAgent] {
        guard isOn else { return [] }
        let path = folder ?? "."
        let text = TextFolder(path: path)
        guard text.exists else { throw ProgramExit.unavailable("there is no folder \(path) for the guide") }
        let restart = (restart ?? .resume).mode
        if let modelURL { return [ModelAgent.guide(folder: text, model: try model(at: modelURL), restart: restart)] }
        return [
            ModelAgent.guide(
                folder: text, folderName: path == "." ? "this folder" : path,
                wordsPerSecond: pace ?? Self.defaultPace, restart: restart)
        ]
    }

    private func model(at url: String) throws -> OpenAICompatibleModel {
        let key = try modelKeyFile.map { String(decoding: try Self.key(in: $0), as: UTF8.self) }
        do throws(ModelError) {
            return try OpenAICompatibleModel(url: url, model: model ?? Self.defaultModel, key: key)
        } catch {
            throw ProgramExit.usage(
                "\(error.code == .keyInvalid ? "--model-key-file" : "--model-url"): \(error.message)")
        }
    }

    /// Read by the same rules as the secrets of tokens: others than the owner of the file may not use it.
    private static func key(in path: String) throws -> [UInt8] {
        do throws(TokenKeyError) {
            return try KeyFile.secret(at: path)
        } catch {
            throw ProgramExit.usage("--model-key-file \(path): \(error.message)")
        }
    }
}
