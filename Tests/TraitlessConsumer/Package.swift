// swift-tools-version: 6.2
import PackageDescription

// A consumer that switches every trait off. check.sh proves that it resolves no package at all.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "TraitlessConsumer",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-agent-events", path: "../..", traits: [])
    ],
    targets: [
        .testTarget(
            name: "TraitlessConsumerTests",
            dependencies: [
                .product(name: "AgentEvents", package: "swift-agent-events"),
                .product(name: "AgentEventsTesting", package: "swift-agent-events"),
            ],
            swiftSettings: settings
        )
    ]
)
