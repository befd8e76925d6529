import AgentEvents

/// Gives the rights in a thread to the user that opened it, and to principals whose credentials name it
/// (``Principal/threads``).
///
/// Everybody may open a thread that has no event. A principal without a list of threads stands for a backend, which emits
/// for every user; the runtime refuses an emission for a user that does not own the thread.
public struct OwnershipAuthorizer: Authorizer {
    public init() {}

    public func rights(_ request: RightsRequest) async throws -> Rights { constantRights(request) }
}

extension OwnershipAuthorizer: ConstantAuthorizer {
    package func constantRights(_ request: RightsRequest) -> Rights {
        let principal = request.principal
        let isFree = request.owner == nil
        var rights: Rights = isFree ? .open : []
        if isFree || request.owner == principal.user || principal.threads.includes(request.thread) {
            rights.formUnion([.read, .emit, .command])
        }
        if !principal.threads.isList { rights.insert(.emit) }
        return rights
    }
}
