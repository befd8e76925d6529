import AgentEvents

/// Mirrors `PageRead`, without snapshots: the next page for a subscriber that is behind. Runs on a worker.
struct PageLookUp {
    struct Page {
        var batch: FramedBatch?
        var reachesEnd: Bool
        var trim: SimulatedPages.Trim?
    }

    let thread: Int
    let after: UInt64
    let merges: Bool

    func run(_ service: SimulatedService) -> Page {
        let found = service.pages.read(thread, after: after, now: service.world.now)
        if found.isShared { service.world.counts[.pageShared] += 1 }
        var page = Page(reachesEnd: found.reachesEnd, trim: found.trim)
        if let shared = found.page {
            page.batch = shared.batch(after: max(after, found.trim?.sequence ?? 0), of: thread, merging: merges)
        }
        return page
    }
}
