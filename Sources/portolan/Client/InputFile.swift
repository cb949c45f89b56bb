import Foundation

/// Files given on the command line.
enum InputFile {
    /// The file's text, "-" for standard input. Throws `CommandFailure` naming the file.
    static func text(_ path: String, bytesMax: Int) throws -> String {
        let data: Data
        do {
            data =
                path == "-"
                ? try FileHandle.standardInput.read(upToCount: bytesMax + 1) ?? Data()
                : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure(
                "\(path) cannot be read.", hint: "Check the path and its permissions.", exitCode: 2)
        }
        guard data.count <= bytesMax else {
            throw CommandFailure(
                "\(path) has more than \(bytesMax) bytes.", hint: "Is it the right file?")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure("\(path) is not UTF-8 text.", hint: "Is it the right file?")
        }
        return text
    }
}
