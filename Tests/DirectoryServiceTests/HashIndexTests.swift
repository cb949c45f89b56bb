import Testing

@testable import DirectoryService

@Suite("Rows by hash")
struct HashIndexTests {
    @Test("it agrees with a dictionary over random changes", arguments: [1, 2, 3] as [UInt64])
    func agrees(seed: UInt64) {
        var random = SeededGenerator(seed)
        var index = HashIndex()
        var model: [UInt64: Set<UInt32>] = [:]
        for _ in 0..<20_000 {
            // Few different ones, that collide in their low bits as well.
            let hash =
                UInt64.random(in: 0..<400, using: &random) << 60
                | .random(
                    in: 0..<40, using: &random)
            let row = UInt32.random(in: 0..<50, using: &random)
            if model[hash]?.contains(row) ?? false {
                index.remove(hash, row)
                model[hash]?.remove(row)
            } else {
                index.insert(hash, row)
                model[hash, default: []].insert(row)
            }
        }
        for (hash, rows) in model {
            for row in 0..<50 as Range<UInt32> {
                #expect((index.find(hash) { $0 == row } == row) == rows.contains(row))
            }
            #expect((index.find(hash) { _ in true } == nil) == rows.isEmpty)
        }
    }

    @Test("what was never there is not found and not removed")
    func absent() {
        var index = HashIndex()
        #expect(index.find(7) { _ in true } == nil)
        index.remove(7, 1)
        index.insert(7, 1)
        index.remove(7, 2)
        index.remove(23, 1)
        #expect(index.find(7) { _ in true } == 1)
    }
}
