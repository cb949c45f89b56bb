import ArgumentParser

/// How much of a listing is shown.
struct PagingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Entries to show at most.", valueName: "count"))
    var limit = 100

    @Flag(help: "Show all entries.") var all = false

    func validate() throws {
        guard (1...Pages.entriesMax).contains(limit) else {
            throw ValidationError("--limit must be within 1 to \(Pages.entriesMax).")
        }
    }

    var count: Int { all ? Pages.entriesMax : limit }
    var pageSize: UInt32 { UInt32(min(1_000, count)) }

    /// Says on standard error when there is more.
    func note(shown: Int, total: UInt64) {
        if UInt64(shown) < total {
            Console.note(
                "\(Format.count(shown)) of \(Format.count(total)) shown; --all shows everything.")
        }
    }
}
