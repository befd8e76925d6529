/// A part of the product that reads bytes of others.
package enum FuzzSubject: String, CaseIterable, Sendable {
    /// Any JSON.
    case json
    /// Events, as the log and other services have them.
    case event
    /// Messages of clients, bodies of requests, and messages of the service.
    case message
    /// Bodies of events, one or one on each line.
    case lines
    /// Tokens, whose signature does not fit once they are changed.
    case token
    /// Claims that are signed as they are.
    case claims
    /// Frames of a WebSocket, read by the real handlers before a real hub.
    case frames
    /// Requests over HTTP/1.1, read by the real handlers.
    case http
    /// Headers of the PROXY protocol, and the fields of requests that decide about something.
    case fields
    /// Compressed bodies.
    case body
    /// Packets, queries and bodies of clients of other protocols.
    case interop
    /// Answers of providers of language models.
    case provider

    /// The number of inputs of a hundred that a subject gets.
    var share: Int {
        switch self {
        case .json: 16
        case .event: 10
        case .message: 12
        case .lines: 10
        case .token: 8
        case .claims: 8
        case .frames: 6
        case .http: 6
        case .fields: 8
        case .body: 4
        case .interop: 6
        case .provider: 6
        }
    }

    /// The subject of the input with a number.
    static func of(number: UInt64) -> FuzzSubject {
        var left = Int(number % 100)
        for subject in allCases {
            left -= subject.share
            if left < 0 { return subject }
        }
        return .json
    }
}

/// All subjects, ready to read. Confined to the thread that made it.
package final class FuzzBench {
    private let tokens: TokenSubject
    private let connections = ConnectionSubject()

    /// - Parameter corpus: its tokens are those that count.
    package init(_ corpus: FuzzCorpus, key: FuzzKey) { tokens = TokenSubject(corpus.entries(of: .token), key: key) }

    /// Has a subject read an input. What stops the process is for the caller's caller to notice.
    ///
    /// - Returns: the property that does not hold; `nil` when all do.
    package func problem(of input: [UInt8], read subject: FuzzSubject) -> String? {
        switch subject {
        case .json: JSONSubject.problem(of: input)
        case .event: EventSubject.problem(of: input)
        case .message: MessageSubject.problem(of: input)
        case .lines: LineSubject.problem(of: input)
        case .token: tokens.problem(ofToken: input)
        case .claims: tokens.problem(ofClaims: input)
        case .frames: connections.problem(ofFrames: input)
        case .http: connections.problem(ofRequests: input)
        case .fields: FieldSubject.problem(of: input)
        case .body: BodySubject.problem(of: input)
        case .interop: InteropSubject.problem(of: input)
        case .provider: ProviderSubject.problem(of: input)
        }
    }
}

/// Sizes that follow from an input, so that it alone decides what happens.
struct PieceSizes {
    private var state: UInt64

    init(_ input: [UInt8]) { state = input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } }

    /// - Returns: 1 up to the bound; often small.
    mutating func next(upTo bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let value = Int(state >> 33)
        return 1 + (value & 3 == 0 ? value >> 2 & 7 : value >> 2) % bound
    }

    /// The input in pieces.
    mutating func pieces(of input: [UInt8]) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = input[...]
        while !rest.isEmpty {
            // At most so many that what a piece costs does not hide what a byte costs.
            let size = max(next(upTo: rest.count), input.count / 64)
            pieces.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return pieces
    }
}
