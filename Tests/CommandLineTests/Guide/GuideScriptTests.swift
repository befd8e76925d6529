import AgentEvents
import AgentEventsModels
import Testing
import agent_events

/// The script in the place of the guide's model: what it says and calls next, by what the tools have found.
@Suite struct GuideScriptTests {
    private static let script = GuideScript(folderName: "docs")

    private static func user(_ text: String, _ id: MessageID) -> TranscriptItem {
        .user(TranscriptMessage(id: id, author: "u_1", text: text))
    }

    private static func turn(_ calls: (ToolName, JSONValue, TranscriptResult)..., saying text: String = "")
        -> TranscriptItem
    {
        .assistant(
            TranscriptTurn(
                run: "r_1", agent: "guide", text: text,
                calls: calls.map { TranscriptCall(id: "c", tool: $0, arguments: $1, result: $2) }))
    }

    private static func search(_ terms: [String], _ match: String = "words", finds files: [String]) -> TranscriptItem {
        let matches = files.map { ["file": .string($0), "line": 1, "excerpt": "", "score": 1.5] as JSONValue }
        return turn(
            (
                "search_files", ["terms": .array(terms.map { .string($0) }), "match": .string(match)],
                .succeeded(["matches": .array(matches), "files_searched": 9])
            ))
    }

    private static func reading(_ file: String, _ words: [String], _ result: TranscriptResult) -> (
        ToolName, JSONValue, TranscriptResult
    ) {
        (
            "read_file",
            ["file": .string(file), "words": .array(words.map { .string($0) }), "match": "words"], result
        )
    }

    private static func quoted(_ file: String, _ line: String, _ more: JSONObject = [:]) -> TranscriptResult {
        var quoted: JSONObject = ["file": .string(file), "line": 1, "first_line": 1, "lines": [.string(line)]]
        for (name, value) in more { quoted[name] = value }
        return .succeeded(.object(quoted))
    }

    private static func reply(_ items: [TranscriptItem], question: MessageID? = "m_1") -> [String] {
        script.reply(to: ModelRequest(transcript: Transcript(items: items), question: question)).map { part in
            switch part {
            case .text(let text): "say \(text)"
            case .thought(let text): "think \(text)"
            case .call(let call):
                switch call.arguments {
                case .json(let json): "\(call.tool) " + String(decoding: json.encoded(), as: UTF8.self)
                case .unreadable(let text): text
                }
            case .usage: "usage"
            }
        }
    }

    @Test func aQuestionIsSearchedFor() {
        #expect(
            Self.reply([Self.user("Where are roses?", "m_1")]) == [
                "think The words that matter: rose.", #"search_files {"match":"words","terms":["rose"]}"#,
            ])
    }

    /// What it reads and says is what the search has found, and not what stands in a folder.
    @Test(arguments: [["a.txt"], ["b.txt", "a.txt"], ["x/y.md", "z.md", "w.md"]])
    func itReadsWhatWasFound(_ files: [String]) {
        let items = [Self.user("Where are roses?", "m_1"), Self.search(["rose"], finds: files)]
        let calls = Self.reply(items).dropFirst()
        #expect(
            Array(calls)
                == files.prefix(2).map { #"read_file {"file":"\#($0)","match":"words","words":["rose"]}"# })
    }

    @Test func itSaysWhatWasRead() {
        let items = [
            Self.user("Where are roses?", "m_1"), Self.search(["rose"], finds: ["a.txt", "b.txt", "c.txt"]),
            Self.turn(
                Self.reading("a.txt", ["rose"], Self.quoted("a.txt", "by the wall", ["remark": "hush"])),
                Self.reading("b.txt", ["rose"], .failed(code: "approval.denied", sentence: "No."))),
        ]
        #expect(
            Self.reply(items) == [
                "say 3 files have to do with “rose”.\n\na.txt, line 1 (hush):\n    by the wall\n\nb.txt matches too, but I was "
                    + "not allowed to read it: somebody said no.\n\nSee also c.txt:1."
            ])
        let result = Self.script.result(of: ModelRequest(transcript: Transcript(items: items), question: "m_1"))
        #expect(result?["sources"] == [["file": "a.txt", "line": 1], ["file": "c.txt", "line": 1]])
    }

    /// Nobody is asked again about the same file, whatever is added; another one is read again with the new words.
    @Test func whatIsAddedIsSearchedForToo() {
        var items = [
            Self.user("Where are roses?", "m_1"), Self.search(["rose"], finds: ["a.txt", "b.txt"]),
            Self.turn(
                Self.reading("a.txt", ["rose"], Self.quoted("a.txt", "x", ["allowed": true])),
                Self.reading("b.txt", ["rose"], Self.quoted("b.txt", "y"))),
            Self.turn(saying: "2 files"), Self.user("And tulips", "m_2"),
        ]
        #expect(
            Self.reply(items) == [
                "think The user adds: tulip. I look again.", "think The words that matter: rose, tulip.",
                #"search_files {"match":"words","terms":["rose","tulip"]}"#,
            ])
        items.append(Self.search(["rose", "tulip"], finds: ["a.txt", "b.txt"]))
        #expect(
            Self.reply(items).dropFirst() == [#"read_file {"file":"b.txt","match":"words","words":["rose","tulip"]}"#])
    }

    @Test func anAdditionWithoutAWordIsSaid() {
        let items = [Self.user("Where are roses?", "m_1"), Self.turn(saying: "There."), Self.user("What?", "m_2")]
        #expect(Self.reply(items) == ["say I find no further word in that to search for."])
    }

    /// A run that does another one again answers by itself, whatever that has found and said.
    @Test func whatAnotherRunHasDoneIsNotOfThisOne() {
        let items = [Self.user("Where are roses?", "m_1"), Self.search(["rose"], finds: []), Self.turn(saying: "Nowh")]
        let request = ModelRequest(transcript: Transcript(items: items), question: "m_1", run: "r_2")
        #expect(Self.script.reply(to: request).count == 2)
    }

    /// Asked again after a kill that came between the answer and the end of the run.
    @Test func nothingIsAddedToAnAnswer() {
        let items = [
            Self.user("Where are roses?", "m_1"), Self.search(["rose"], finds: []), Self.turn(saying: "Nowhere."),
        ]
        #expect(Self.reply(items) == [])
    }

    /// Those of other runs are another matter, but for one without words.
    @Test func earlierQuestionsCountOnlyForOneWithoutWords() {
        let earlier = [
            Self.user("Where are roses?", "m_0"), Self.search(["rose"], finds: []), Self.turn(saying: "Nowhere."),
        ]
        #expect(Self.reply(earlier + [Self.user("Tulips?", "m_1")]).first == "think The words that matter: tulip.")
        #expect(
            Self.reply(earlier + [Self.user("Where is it?", "m_1")]) == [
                "think The question has no word of its own, so it is about the one before.",
                "think The words that matter: rose.", #"search_files {"match":"words","terms":["rose"]}"#,
            ])
    }

    @Test func aSearchThatFailedIsSaid() {
        let items = [
            Self.user("Where are roses?", "m_1"),
            Self.turn(
                (
                    "search_files", ["terms": ["rose"], "match": "words"],
                    .failed(code: "tool.timed_out", sentence: "It took too long.")
                )),
        ]
        #expect(Self.reply(items) == ["say I could not search docs. It took too long."])
        #expect(Self.script.result(of: ModelRequest(transcript: Transcript(items: items), question: "m_1")) == nil)
    }
}
