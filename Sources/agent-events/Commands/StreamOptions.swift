internal import AgentEventsClient
internal import ArgumentParser

/// The address of the service, for the commands that talk to one.
struct StreamOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the service is: http://host:port, as serve prints it, or ws://host:port/v1/stream. Default: "
                + "http://127.0.0.1:8080",
            valueName: "url"),
        transform: { text throws in try StreamURL(text) })
    var url = StreamURL(host: "127.0.0.1", port: 8080)

    @Option(help: "Sent as Authorization: Bearer. Not needed with serve --auth none.")
    var token: String?

    var client: StreamClient { StreamClient(url: url, token: token) }
}
