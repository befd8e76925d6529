// swift-tools-version: 6.2
import PackageDescription

// Every external package is behind a trait, so that a consumer of `AgentEvents` and `AgentEventsTesting` with
// `traits: []` resolves no package at all. Tests/TraitlessConsumer proves it; one unconditional product would break it.
let sqlite: TargetDependencyCondition? = .when(traits: ["SQLite"])
let server: TargetDependencyCondition? = .when(traits: ["Server"])
let client: TargetDependencyCondition? = .when(traits: ["Client"])
let prometheus: TargetDependencyCondition? = .when(traits: ["Prometheus"])
let tls: TargetDependencyCondition? = .when(traits: ["TLS"])
let tokens: TargetDependencyCondition? = .when(traits: ["Tokens"])
let tracing: TargetDependencyCondition? = .when(traits: ["Tracing"])
let interop: TargetDependencyCondition? = .when(traits: ["Interop"])
let models: TargetDependencyCondition? = .when(traits: ["Models"])
let commandLine: TargetDependencyCondition? = .when(traits: ["CommandLine"])

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "swift-agent-events",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "AgentEvents", targets: ["AgentEvents"]),
        .library(name: "AgentEventsTesting", targets: ["AgentEventsTesting"]),
        .library(name: "AgentEventsFiles", targets: ["AgentEventsFiles"]),
        .library(name: "AgentEventsFileLog", targets: ["AgentEventsFileLog"]),
        .library(name: "AgentEventsProtocol", targets: ["AgentEventsProtocol"]),
        .library(name: "AgentEventsHub", targets: ["AgentEventsHub"]),
        .library(name: "AgentEventsServer", targets: ["AgentEventsServer"]),
        .library(name: "AgentEventsTokens", targets: ["AgentEventsTokens"]),
        .library(name: "AgentEventsClient", targets: ["AgentEventsClient"]),
        .library(name: "AgentEventsInProcess", targets: ["AgentEventsInProcess"]),
        .library(name: "AgentEventsPrometheus", targets: ["AgentEventsPrometheus"]),
        .library(name: "AgentEventsTracing", targets: ["AgentEventsTracing"]),
        .library(name: "AgentEventsInterop", targets: ["AgentEventsInterop"]),
        .library(name: "AgentEventsModels", targets: ["AgentEventsModels"]),
        .executable(name: "agent-events", targets: ["agent-events"]),
        .executable(name: "example-hummingbird", targets: ["example-hummingbird"]),
        .executable(name: "example-nio", targets: ["example-nio"]),
        .executable(name: "example-worker", targets: ["example-worker"]),
    ],
    traits: [
        .trait(name: "SQLite", description: "The durable log, which has its index in SQLite."),
        .trait(name: "Server", description: "The WebSocket and HTTP service."),
        .trait(name: "Client", description: "The Swift client."),
        .trait(name: "TLS", description: "TLS for the service and the Swift client."),
        .trait(name: "Tokens", description: "JSON Web Tokens as credentials.", enabledTraits: ["Server"]),
        .trait(name: "Prometheus", description: "The exporter of metrics for Prometheus."),
        .trait(
            name: "Tracing", description: "Spans of runs and tool calls, for collectors of OpenTelemetry.",
            enabledTraits: ["Server"]),
        .trait(
            name: "Interop", description: "The protocols of other clients: Socket.IO, AG-UI and the AI SDK.",
            enabledTraits: ["Server"]),
        .trait(
            name: "Models", description: "Agents around a language model, and a client of its providers.",
            enabledTraits: ["Server"]),
        .trait(
            name: "CommandLine",
            description: "The agent-events program.",
            enabledTraits: [
                "SQLite", "Server", "Client", "TLS", "Tokens", "Prometheus", "Tracing", "Interop", "Models",
            ]
        ),
        .default(enabledTraits: [
            "SQLite", "Server", "Client", "TLS", "Tokens", "Prometheus", "Tracing", "Interop", "Models",
            "CommandLine",
        ]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.1.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        .target(name: "AgentEvents", swiftSettings: settings),
        // Sequences, recordings and histories, checked after the fact; for the program, the test kit and the simulation.
        .target(name: "AgentEventsChecks", dependencies: ["AgentEvents"], swiftSettings: settings),
        .target(name: "AgentEventsFiles", dependencies: ["AgentEvents"], swiftSettings: settings),
        // A disk in memory that loses what a real one may lose.
        .target(
            name: "AgentEventsSimulatedFiles",
            dependencies: ["AgentEvents", "AgentEventsFiles"],
            swiftSettings: settings
        ),
        .target(
            name: "AgentEventsTesting",
            dependencies: ["AgentEvents", "AgentEventsChecks", "AgentEventsFiles"],
            swiftSettings: settings
        ),
        .target(
            name: "AgentEventsFileLog",
            dependencies: [
                "AgentEvents", "AgentEventsFiles",
                .product(name: "GRDB", package: "GRDB.swift", condition: sqlite),
            ],
            swiftSettings: settings
        ),
        // The stream protocol, for both of its ends.
        .target(name: "AgentEventsProtocol", dependencies: ["AgentEvents"], swiftSettings: settings),
        .target(
            name: "AgentEventsHub",
            dependencies: [
                "AgentEvents", "AgentEventsFiles", "AgentEventsProtocol",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
            ],
            swiftSettings: settings
        ),
        // The page and the JavaScript client as bytes in the program; written by .ci/page.
        .target(name: "CPage"),
        // The headers of zlib; the library itself is linked already, by async-http-client.
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .target(
            name: "AgentEventsServer",
            dependencies: [
                "AgentEvents", "AgentEventsFiles", "AgentEventsHub", "AgentEventsProtocol",
                .target(name: "CZlib", condition: server),
                .target(name: "CPage", condition: server),
                .product(name: "AsyncHTTPClient", package: "async-http-client", condition: server),
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Crypto", package: "swift-crypto", condition: server),
                .product(name: "Hummingbird", package: "hummingbird", condition: server),
                .product(name: "HummingbirdCore", package: "hummingbird", condition: server),
                .product(name: "HTTPTypes", package: "swift-http-types", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: server),
                .product(name: "NIOPosix", package: "swift-nio", condition: server),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: tls),
                .product(name: "NIOTLS", package: "swift-nio", condition: tls),
                .product(name: "NIOWebSocket", package: "swift-nio", condition: server),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras", condition: server),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras", condition: server),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
            ],
            // For browsers; CPage has them.
            exclude: ["Page"],
            swiftSettings: settings
        ),
        // Who a client is, by JSON Web Tokens: which of them count is decided here, and jwt-kit checks signatures.
        .target(
            name: "AgentEventsTokens",
            dependencies: [
                "AgentEvents", "AgentEventsFiles", "AgentEventsHub",
                .product(name: "AsyncHTTPClient", package: "async-http-client", condition: tokens),
                .product(name: "Crypto", package: "swift-crypto", condition: tokens),
                .product(name: "JWTKit", package: "jwt-kit", condition: tokens),
                .product(name: "Logging", package: "swift-log", condition: tokens),
                .product(name: "NIOCore", package: "swift-nio", condition: tokens),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: tokens),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: tokens),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "AgentEventsClient",
            dependencies: [
                "AgentEvents", "AgentEventsProtocol",
                .product(name: "NIOCore", package: "swift-nio", condition: client),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: client),
                .product(name: "NIOPosix", package: "swift-nio", condition: client),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: tls),
                .product(name: "NIOWebSocket", package: "swift-nio", condition: client),
            ],
            swiftSettings: settings
        ),
        // A backend of swift-metrics, for any program.
        .target(
            name: "AgentEventsPrometheus",
            dependencies: [.product(name: "CoreMetrics", package: "swift-metrics", condition: prometheus)],
            swiftSettings: settings
        ),
        // Spans of what is in the log. The API of swift-distributed-tracing serves the code of agents.
        .target(
            name: "AgentEventsTracing",
            dependencies: [
                "AgentEvents", "AgentEventsHub",
                .product(name: "AsyncHTTPClient", package: "async-http-client", condition: tracing),
                .product(name: "CoreMetrics", package: "swift-metrics", condition: tracing),
                .product(name: "Logging", package: "swift-log", condition: tracing),
                .product(name: "NIOCore", package: "swift-nio", condition: tracing),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: tracing),
                .product(name: "Tracing", package: "swift-distributed-tracing", condition: tracing),
            ],
            swiftSettings: settings
        ),
        // Protocols of others, for clients that know nothing of this package.
        .target(
            name: "AgentEventsInterop",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsProtocol", "AgentEventsServer",
                .product(name: "Hummingbird", package: "hummingbird", condition: interop),
                .product(name: "HummingbirdCore", package: "hummingbird", condition: interop),
                .product(name: "HTTPTypes", package: "swift-http-types", condition: interop),
                .product(name: "Logging", package: "swift-log", condition: interop),
                .product(name: "NIOCore", package: "swift-nio", condition: interop),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: interop),
                .product(name: "NIOPosix", package: "swift-nio", condition: interop),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: interop),
                .product(name: "NIOWebSocket", package: "swift-nio", condition: interop),
            ],
            swiftSettings: settings
        ),
        // Agents around a language model.
        .target(
            name: "AgentEventsModels",
            dependencies: [
                "AgentEvents", "AgentEventsHub",
                .product(name: "AsyncHTTPClient", package: "async-http-client", condition: models),
                .product(name: "NIOCore", package: "swift-nio", condition: models),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: models),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: tls),
            ],
            swiftSettings: settings
        ),
        // The client over a hub in the same process.
        .target(
            name: "AgentEventsInProcess",
            dependencies: [
                "AgentEventsClient", "AgentEventsHub",
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "NIOPosix", package: "swift-nio", condition: server),
            ],
            swiftSettings: settings
        ),
        // One thread and a virtual clock: the machines of all the others against each other.
        .target(
            name: "AgentEventsSimulation",
            dependencies: [
                "AgentEvents", "AgentEventsChecks", "AgentEventsHub", "AgentEventsProtocol", "AgentEventsClient",
                "AgentEventsFileLog", "AgentEventsFiles", "AgentEventsModels", "AgentEventsSimulatedFiles",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
            ],
            swiftSettings: settings
        ),
        // Whatever reads bytes of others, against bytes that nobody should send.
        .target(
            name: "AgentEventsFuzzing",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsInterop", "AgentEventsModels", "AgentEventsProtocol",
                "AgentEventsServer", "AgentEventsSimulation", "AgentEventsTokens",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Crypto", package: "swift-crypto", condition: tokens),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: server),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: server),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "agent-events-simulation",
            dependencies: ["AgentEventsFuzzing", "AgentEventsSimulation"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "agent-events",
            dependencies: [
                "AgentEvents", "AgentEventsChecks", "AgentEventsFiles", "AgentEventsFileLog", "AgentEventsHub",
                "AgentEventsProtocol",
                "AgentEventsServer", "AgentEventsClient", "AgentEventsTokens", "AgentEventsPrometheus",
                "AgentEventsTracing", "AgentEventsInterop", "AgentEventsModels",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: commandLine),
                .product(name: "CoreMetrics", package: "swift-metrics", condition: commandLine),
                .product(name: "Logging", package: "swift-log", condition: commandLine),
                .product(name: "NIOCore", package: "swift-nio", condition: commandLine),
                .product(name: "NIOPosix", package: "swift-nio", condition: commandLine),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: commandLine),
                .product(name: "UnixSignals", package: "swift-service-lifecycle", condition: commandLine),
                .product(name: "Yams", package: "Yams", condition: commandLine),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "example-hummingbird",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsServer",
                .product(name: "Hummingbird", package: "hummingbird", condition: server),
                .product(name: "HummingbirdCore", package: "hummingbird", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
            ],
            path: "Sources/Examples/example-hummingbird",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "example-nio",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsServer",
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: server),
                .product(name: "NIOPosix", package: "swift-nio", condition: server),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
                .product(name: "UnixSignals", package: "swift-service-lifecycle", condition: server),
            ],
            path: "Sources/Examples/example-nio",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "example-worker",
            dependencies: ["AgentEvents", "AgentEventsClient", "AgentEventsProtocol"],
            path: "Sources/Examples/example-worker",
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsClientTests",
            dependencies: [
                "AgentEvents", "AgentEventsProtocol", "AgentEventsClient", "AgentEventsTesting",
                .product(name: "NIOCore", package: "swift-nio", condition: client),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: client),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: client),
                .product(name: "NIOPosix", package: "swift-nio", condition: client),
                .product(name: "NIOWebSocket", package: "swift-nio", condition: client),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsPrometheusTests",
            dependencies: [
                "AgentEventsPrometheus", "AgentEventsTestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: prometheus),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsTracingTests",
            dependencies: [
                "AgentEvents", "AgentEventsTesting", "AgentEventsTestSupport", "AgentEventsTracing",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: tracing),
                .product(name: "Logging", package: "swift-log", condition: tracing),
                .product(name: "MetricsTestKit", package: "swift-metrics", condition: tracing),
                .product(name: "Tracing", package: "swift-distributed-tracing", condition: tracing),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsInteropTests",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsInterop", "AgentEventsProtocol", "AgentEventsServer",
                "AgentEventsTesting", "AgentEventsTestSupport",
                .product(name: "Logging", package: "swift-log", condition: interop),
                .product(name: "NIOCore", package: "swift-nio", condition: interop),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: interop),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: interop),
                .product(name: "NIOPosix", package: "swift-nio", condition: interop),
                .product(name: "NIOWebSocket", package: "swift-nio", condition: interop),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsModelsTests",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsFiles", "AgentEventsFileLog", "AgentEventsInProcess",
                "AgentEventsModels", "AgentEventsProtocol", "AgentEventsTesting", "AgentEventsTestSupport",
                .product(name: "Logging", package: "swift-log", condition: models),
                .product(name: "NIOCore", package: "swift-nio", condition: models),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: models),
                .product(name: "NIOPosix", package: "swift-nio", condition: models),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "AgentEvents", "AgentEventsChecks", "AgentEventsClient", "AgentEventsHub", "AgentEventsPrometheus",
                "AgentEventsInterop", "AgentEventsModels", "AgentEventsProtocol", "AgentEventsServer",
                "AgentEventsTesting",
                "AgentEventsTestSupport", "AgentEventsTracing", "agent-events",
                .product(name: "Logging", package: "swift-log", condition: commandLine),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsSimulationTests",
            dependencies: [
                "AgentEvents", "AgentEventsFiles", "AgentEventsFuzzing", "AgentEventsHub", "AgentEventsProtocol",
                "AgentEventsSimulation",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsFilesTests",
            dependencies: ["AgentEvents", "AgentEventsFiles", "AgentEventsSimulatedFiles"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsFileLogTests",
            dependencies: [
                "AgentEvents", "AgentEventsFiles", "AgentEventsSimulatedFiles", "AgentEventsTesting",
                "AgentEventsFileLog",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsProtocolTests",
            dependencies: ["AgentEvents", "AgentEventsProtocol", "AgentEventsTesting"],
            swiftSettings: settings
        ),
        // What tests of several targets use.
        .target(
            name: "AgentEventsTestSupport",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsTesting",
                .product(name: "Logging", package: "swift-log", condition: server),
            ],
            path: "Tests/AgentEventsTestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsHubTests",
            dependencies: [
                "AgentEvents", "AgentEventsChecks", "AgentEventsClient", "AgentEventsHub", "AgentEventsInProcess",
                "AgentEventsProtocol", "AgentEventsTesting", "AgentEventsTestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "MetricsTestKit", package: "swift-metrics", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: server),
                .product(name: "NIOPosix", package: "swift-nio", condition: server),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsServerTests",
            dependencies: [
                "AgentEvents", "AgentEventsClient", "AgentEventsHub", "AgentEventsInProcess", "AgentEventsInterop",
                "AgentEventsProtocol", "AgentEventsServer",
                "AgentEventsFiles", "AgentEventsFileLog", "AgentEventsTesting", "AgentEventsTestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics", condition: server),
                .product(name: "Hummingbird", package: "hummingbird", condition: server),
                .product(name: "HummingbirdCore", package: "hummingbird", condition: server),
                .product(name: "HTTPTypes", package: "swift-http-types", condition: server),
                .product(name: "Logging", package: "swift-log", condition: server),
                .product(name: "MetricsTestKit", package: "swift-metrics", condition: server),
                .product(name: "NIOCore", package: "swift-nio", condition: server),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: server),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: server),
                .product(name: "NIOPosix", package: "swift-nio", condition: server),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: tls),
                .product(name: "NIOWebSocket", package: "swift-nio", condition: server),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsTokensTests",
            dependencies: [
                "AgentEvents", "AgentEventsHub", "AgentEventsTesting", "AgentEventsTestSupport", "AgentEventsTokens",
                .product(name: "AsyncHTTPClient", package: "async-http-client", condition: tokens),
                .product(name: "Crypto", package: "swift-crypto", condition: tokens),
                .product(name: "CryptoExtras", package: "swift-crypto", condition: tokens),
                .product(name: "JWTKit", package: "jwt-kit", condition: tokens),
                .product(name: "Logging", package: "swift-log", condition: tokens),
                .product(name: "NIOCore", package: "swift-nio", condition: tokens),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: tokens),
                .product(name: "NIOPosix", package: "swift-nio", condition: tokens),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsTests",
            dependencies: [
                "AgentEvents", "AgentEventsChecks", "AgentEventsFiles", "AgentEventsTesting", "AgentEventsTestSupport",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentEventsTestingTests",
            dependencies: ["AgentEvents", "AgentEventsChecks", "AgentEventsTesting"],
            exclude: ["Recordings"],
            swiftSettings: settings
        ),
    ]
)

// For `make test`: a debug build in which the product is optimized and keeps its assertions. The tests themselves and the packages
// are not.
if Context.environment["SWIFT_AGENT_EVENTS_OPTIMIZED"] != nil {
    for target in package.targets where target.type != .test && target.swiftSettings != nil {
        target.swiftSettings? += [.unsafeFlags(["-O", "-assert-config", "Debug"])]
    }
}
