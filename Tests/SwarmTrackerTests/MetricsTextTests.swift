import SwarmRuntime
import Testing

@Suite("MetricsText")
struct MetricsTextTests {
    @Test("help, type, and a line for each sample; labels are escaped")
    func format() {
        var text = MetricsText()
        text.add("a_total", .counter, help: "One\nline \\ only.", 3)
        text.add(
            "b",
            .gauge,
            help: "Two.",
            [.init(-1, [("x", "say \"\\\n\""), ("y", "")]), .init(2, [("x", "z"), ("y", "w")])]
        )
        #expect(
            text.text == #"""
                # HELP a_total One\nline \\ only.
                # TYPE a_total counter
                a_total 3
                # HELP b Two.
                # TYPE b gauge
                b{x="say \"\\\n\"",y=""} -1
                b{x="z",y="w"} 2

                """#
        )
    }
}
