import AgentEvents

/// Makes the ids of threads that clients open without one: 128 random bits, which nobody guesses.
///
/// A request with an idempotency key opens one thread, however often it comes, also after a restart. So the id of such a
/// thread comes from the key and its author, under a secret that is stored beside the log. Where nothing can be stored, that
/// holds for as long as the process lives.
actor ThreadIDSource {
    private static let secretName = "thread_ids"

    private let environment: Environment
    private let store: (any StateStore)?
    private var secret: [UInt8]?
    private var isSecretStored = false

    init(store: (any StateStore)?, environment: Environment) {
        self.store = store
        self.environment = environment
    }

    /// A new id.
    nonisolated func next() -> ThreadID { Self.id(randomBytes(count: 16)) }

    /// The id of the thread that a request opens, the same for each repetition.
    ///
    /// - Throws: `EventLogError` when the secret can be neither loaded nor stored.
    func id(for key: IdempotencyKey, of author: UserID) async throws(EventLogError) -> ThreadID {
        let secret = try await storedSecret()
        // An id has no space in it. Half of a hash is given away, so nobody can continue it.
        let text = Array("\(author.rawValue) \(key.rawValue)".utf8)
        return Self.id(Array(SHA256Hash.hash(secret + text).prefix(16)))
    }

    /// Nothing is made from a secret before it is stored. Of several calls at the same time, the first one decides which it
    /// is, and each stores that.
    private func storedSecret() async throws(EventLogError) -> [UInt8] {
        if isSecretStored, let secret { return secret }
        let stored = try await store?.load(.secret, thread: nil, name: Self.secretName)
        let secret = self.secret ?? stored ?? randomBytes(count: 32)
        self.secret = secret
        if stored != secret {
            try await store?.save([StoredValue(.secret, name: Self.secretName, bytes: secret)])
        }
        isSecretStored = true
        return secret
    }

    private nonisolated func randomBytes(count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let number = environment.randomNumber()
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        return Array(bytes.prefix(count))
    }

    private static func id(_ bytes: [UInt8]) -> ThreadID {
        ThreadID(text: IdentifierText(unchecked: "t_" + Hexadecimal.text(of: bytes)))
    }
}
