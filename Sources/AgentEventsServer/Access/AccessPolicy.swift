package import AgentEventsHub
import NIOCore

/// Where a service may be reached.
package enum AccessPolicy {
    /// Without authentication a service listens on loopback addresses only.
    ///
    /// - Throws: ``ServiceError`` `server.open_access`.
    package static func validate(host: String, authenticator: any Authenticator) throws(ServiceError) {
        guard authenticator.needsCredentials || LoopbackHost.isLoopback(host) else {
            throw ServiceError(
                .openAccess,
                "without authentication everybody who reaches \(host) could read and write everything: listen on "
                    + "127.0.0.1, or switch authentication on"
            )
        }
    }

    /// Operators are on the machine itself: what comes to their listener crosses no network.
    ///
    /// - Throws: ``ServiceError`` `server.open_access`.
    package static func validate(internalHost host: String) throws(ServiceError) {
        guard LoopbackHost.isLoopback(host) else {
            throw ServiceError(
                .openAccess,
                "whoever reaches the internal listener at \(host) reads the metrics and may try to run the service: let it "
                    + "listen on 127.0.0.1, or on ::1; others read the metrics at a listener for them alone (--metrics-listen)"
            )
        }
    }
}
