internal import AgentEventsClient
internal import ArgumentParser

/// Where the service is, for the commands that talk to one.
struct StreamOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The address of the service's stream.", valueName: "url"),
        transform: { text throws in try StreamURL(text) })
    var url = StreamURL(host: "127.0.0.1", port: 8080)

    @Option(help: "Sent as Authorization: Bearer. Not needed with serve --auth none.")
    var token: String?

    var client: AgentEventsClient { AgentEventsClient(url: url, token: token) }
}
