import AgentEvents

/// The tokens of an answer, as providers count them.
enum ProviderUsage {
    /// Reads `{"prompt_tokens","completion_tokens",…}` of chat completions, or `{"input_tokens","output_tokens",…}` of responses.
    ///
    /// - Returns: `nil` for what has no counts. A count that is no whole number, or is negative, is none.
    static func read(_ usage: JSONValue?, model: String) -> UsageReported? {
        guard let usage, usage.objectValue != nil else { return nil }
        let input = count(usage["prompt_tokens"]) ?? count(usage["input_tokens"])
        let output = count(usage["completion_tokens"]) ?? count(usage["output_tokens"])
        guard input != nil || output != nil else { return nil }
        let read = usage["prompt_tokens_details"] ?? usage["input_tokens_details"]
        let written = usage["completion_tokens_details"] ?? usage["output_tokens_details"]
        var other: JSONObject = [:]
        if let cost = usage["cost"], cost.numberValue != nil { other["cost"] = cost }
        return UsageReported(
            model: model, inputTokens: input ?? 0, outputTokens: output ?? 0,
            cachedInputTokens: count(read?["cached_tokens"]) ?? count(usage["prompt_cache_hit_tokens"]),
            reasoningTokens: count(written?["reasoning_tokens"]), other: other)
    }

    private static func count(_ value: JSONValue?) -> Int64? {
        guard let number = value?.numberValue,
            let count = number.integer ?? number.double.flatMap({ Int64(exactly: $0) }), count >= 0
        else { return nil }
        return count
    }
}
