/// A language model that may want its earlier thoughts told again, as some providers do while they think.
public protocol ThoughtReadingModel: LanguageModel {
    /// Whether the turns of a request should have their thoughts. The same every time.
    var wantsThoughts: Bool { get }
}
