internal import AgentEventsClient
internal import ArgumentParser

/// The address of the service, for the commands that talk to one.
struct StreamOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the service is: http://host:port or https://host:port, as serve prints it, ws://host:port/v1/stream, or "
                + "unix:PATH. Default: http://127.0.0.1:8080",
            valueName: "url"),
        transform: { text throws in try StreamURL(text) })
    var url = StreamURL(host: "127.0.0.1", port: 8080)

    @OptionGroup
    var token: GivenToken

    @Option(
        help: ArgumentHelp(
            "The certificates of the authorities that are trusted with https, in PEM form. Default: those of the system.",
            valueName: "file"))
    var caFile: String?

    func client() throws -> StreamClient {
        var configuration = ClientConfiguration()
        configuration.certificateAuthorityFile = caFile
        return StreamClient(url: url, token: try token.text(), configuration: configuration)
    }
}
