@nonexhaustive
/// The protocols of others that a service can speak, by the names that its settings use.
public enum InteropProtocol: String, CaseIterable, Sendable {
    /// Socket.IO 4, on Engine.IO 4.
    case socketIO = "socket.io"
    /// AG-UI, and the routes of CopilotKit's runtime.
    case agui = "ag-ui"
    /// The UI message stream of the Vercel AI SDK.
    case aiSDK = "ai-sdk"
}
