internal import AgentEventsInterop
internal import AgentEventsServer
internal import ArgumentParser

/// The options of `serve` for clients that know nothing of this service.
struct InteropOptions: ParsableArguments {
    /// A protocol by its name, or none of them.
    enum Spoken: RawRepresentable, CaseIterable, Hashable {
        case one(InteropProtocol)
        case none

        static var allCases: [Spoken] { InteropProtocol.allCases.map(Spoken.one) + [.none] }

        init?(rawValue: String) {
            guard rawValue != Self.none.rawValue else {
                self = .none
                return
            }
            guard let one = InteropProtocol(rawValue: rawValue) else { return nil }
            self = .one(one)
        }

        var rawValue: String {
            switch self {
            case .one(let one): one.rawValue
            case .none: "none"
            }
        }
    }

    @Option(
        name: .customLong("interop"),
        help: ArgumentHelp(
            "A protocol of other clients that is spoken too: socket.io, ag-ui or ai-sdk. May be repeated. none for none of them. "
                + "Default: all",
            valueName: "protocol"),
        transform: Choice.read)
    var spoken: [Spoken] = []

    func validate() throws {
        if spoken.contains(.none), Set(spoken).count > 1 {
            throw ValidationError("--interop: none stands alone; leave it out, or the protocols")
        }
    }

    /// The protocols that are spoken, each once.
    var protocols: [InteropProtocol] {
        InteropProtocol.allCases.filter { spoken.isEmpty || spoken.contains(.one($0)) }
    }

    /// With any of them, also the route that shows threads in them.
    var extensions: [ServiceExtension] {
        guard !protocols.isEmpty else { return [] }
        return protocols.map { one in
            switch one {
            case .socketIO: .socketIO()
            case .agui: .agui()
            case .aiSDK: .aiSDK()
            }
        } + [.frames()]
    }
}
