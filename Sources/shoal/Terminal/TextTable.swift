/// Rows of text in aligned columns.
struct TextTable {
    var rows: [[String]]
    /// Columns whose text stands at the right, such as numbers.
    var rightAligned: [Int] = []

    /// The rows as lines; columns are two spaces apart and lines have none at their end.
    var text: String {
        let columnCount = rows.map(\.count).max() ?? 0
        let widths = (0..<columnCount).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                let isRight = rightAligned.contains(column)
                line += (column > 0 ? "  " : "") + (isRight ? padding + cell : cell + padding)
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
