extension ThreadState {
    /// How much a state keeps of what is over. What is open is always kept, and so is the newest of what is over.
    ///
    /// The limits are part of the state, so that one that was stored goes on with those it began with.
    public struct Limits: Hashable, Sendable {
        /// The most complete messages; at least 1. The oldest goes first.
        public var messageCount = 200
        /// The most bytes of the texts and data of complete messages, together.
        public var messageByteCount = 512 * 1024
        /// The most runs that have ended; at least 1. The one that ended first goes first.
        public var runCount = 100
        /// The most bytes of the results and errors of ended runs, together.
        public var runByteCount = 256 * 1024
        /// The most entries of the shared state; at least 1. Removed ones go first, then the one that changed longest ago.
        public var entryCount = 256
        /// The most bytes of the entries' keys and values, together.
        public var entryByteCount = 256 * 1024
        /// The most bytes of the text of a run's current thought, of which the end is kept.
        public var thoughtByteCount = 16 * 1024

        /// How deep JSON in a state may be nested; what is nested deeper (to 62 levels) is left out. An event has room for
        /// 62 levels, and a message with a state in it must not be nested deeper than 64 levels in all.
        public static var valueDepth: Int { 56 }

        /// The limits as they stand above.
        public init() {}
    }

    /// How much was dropped because of the ``Limits``.
    public struct Dropped: Hashable, Sendable {
        /// Complete messages.
        public internal(set) var messages = 0
        /// Ended runs.
        public internal(set) var runs = 0
        /// Entries of the shared state.
        public internal(set) var entries = 0
    }
}
