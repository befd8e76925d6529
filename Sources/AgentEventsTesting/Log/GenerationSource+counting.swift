public import AgentEvents

extension GenerationSource {
    /// 1, 2, 3, …, for tests that compare ids. Logs with it share their generations, so a cursor does not tell them apart.
    public static let counting = GenerationSource(clock: WallClock { Timestamp(milliseconds: 0) }, random: { 0 })
}
